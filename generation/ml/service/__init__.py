"""The model service: images on request, over HTTP on loopback (LitServe).

`wire` says what is asked and answered, `cache` holds generators, `desk` shares forward passes between callers, `facts` are
the numbers that both processes know, `worker` runs the passes, `door` is the HTTP side. `generation.ml.serve` starts it all.
"""
