// What `bench.workbench` puts into the page before its own scripts: when frames with a new image, or after an input, stand.
(() => {
  const seen = { images: [], inputs: [], keyAt: 0 };
  globalThis.bench = seen;

  // A message that is posted inside a frame arrives when that frame has been painted.
  const afterPaint = (work) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = work;
    port2.postMessage(null);
  };

  let isNew = false;
  const { putImageData, drawImage } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.putImageData = function (...rest) {
    isNew = true;
    return putImageData.apply(this, rest);
  };
  CanvasRenderingContext2D.prototype.drawImage = function (...rest) {
    drawImage.apply(this, rest);
    if (!isNew || this.canvas.id !== "viewer-pixels") return;
    isNew = false;
    afterPaint(() => seen.images.push({ at: performance.now(), sinceKey: performance.now() - seen.keyAt }));
  };

  for (const name of ["pointerdown", "pointermove", "keydown"]) {
    addEventListener(name, ({ timeStamp }) => {
      if (name === "keydown") seen.keyAt = timeStamp;
      requestAnimationFrame(() => afterPaint(() => seen.inputs.push(performance.now() - timeStamp)));
    }, { capture: true });
  }
})();
