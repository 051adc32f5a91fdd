"""A release as DICOM: each image, its reading as a structured report, its regions as a segmentation."""
