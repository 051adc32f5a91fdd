"""Why a table or an annotation, a line or a box of it, was not used. See `rejection` for the rules of these sentences."""

from __future__ import annotations

COMPANION_DETAILS: dict[str, str] = {
    # files that speak of pictures
    "names_needed": (
        "This file speaks of pictures by their names, and these were not sent. "
        "Upload all together as one zip, or send the names along (option “names”)."
    ),
    "name_ambiguous": "Several files of the upload bear the name that stands here. Write it with its folder.",
    "annotation_damaged": "The annotations are damaged or cut off and cannot be read. Export them again.",
    "annotation_dtd": "The XML declares a document type, which is not read here. Remove <!DOCTYPE …>.",
    "annotation_layout": "The file holds neither Pascal VOC boxes (XML) nor COCO boxes (JSON), and was not used.",
    "annotation_too_large": "The file takes more room or time than annotations may ({limit} bytes). Split it.",
    "annotation_too_many": "The annotations hold more than {limit} boxes. Split the upload.",
    "annotation_no_picture": "The picture that is annotated here is not in the upload.",
    "annotation_twice": "The picture at place {picture} is annotated by another file already; this one was not used.",
    "annotation_size": (
        "The boxes were drawn on a picture of {wide} × {high} pixels, this one has {width} × {height}. "
        "Upload the picture that was annotated."
    ),
    "annotation_not_asked": (
        "There are boxes for this upload, but pictures were to be cut into tiles. Leave one of the two out."
    ),
    # pictures and boxes of a detection set
    "no_boxes": "The upload holds annotations, and none of them has a box for this picture.",
    "boxes_of_pages": "The file holds several frames or pages, and boxes cannot tell which of them they mean.",
    "box_no_area": "The box has no area ({width} × {height} pixels).",
    "box_outside": "The middle of the box lies outside of the picture.",
    "box_too_long": "The box is more than twice as long as the picture is high: a square around it would be made up.",
    "box_layout": "The box does not say where it lies: four finite numbers are needed.",
    "box_class": "The box has no class of at most {limit} printable characters.",
    "box_crowd": "The box marks a crowd and no single object.",
    # tables
    "csv_encoding": "The table is not in UTF-8. Save it as “CSV UTF-8”.",
    "csv_damaged": "The table cannot be read: a quote is left open, or a character does not belong in text.",
    "csv_header": (
        "The first line of a table names its columns, each once: “file”, and “class”, “group” (or “patient”, “slide”) "
        "or both. If this table is not about the images, leave it out."
    ),
    "csv_too_long": "The table has more than {limit} lines.",
    "csv_columns": "Line {line} has {found} columns, the header has {wanted}.",
    "csv_no_name": "Line {line} names no file.",
    "csv_no_file": "The file that line {line} names is not in the upload.",
    "csv_class": "The class in line {line} has more than {limit} characters, or some that cannot be printed.",
    "csv_group": "The patient or slide in line {line} is missing, or has more than {limit} characters.",
    "csv_same_row": "Line {line} repeats what place {first} says of the same file.",
    "csv_other_row": "Line {line} says of a file something else than place {first}. The file was not taken.",
    "csv_conflict": "Two lines of the table say different things of this file. Correct the table.",
    "csv_no_row": "The table has no usable line for this file, so its class or patient is not known.",
}
