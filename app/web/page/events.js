// The connection to the worker: open while the page is seen and not paused, and opened again when it is lost.

// Longer than the worker ever rests between two events.
const QUIET_MS = 30000;
const AGAIN_MS = 10000;

export class Events {
  // onMessage is given what an event says, onState "connecting", "live", "lost" or "paused".
  constructor(url, onMessage, onState) {
    this.url = url;
    this.onMessage = onMessage;
    this.onState = onState;
    this.paused = false;
    this.source = null;
    // A hidden page costs the worker nothing; browsers allow only six connections to one place, too.
    document.addEventListener("visibilitychange", () => this.settle());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.settle());
  }

  pause(paused) {
    this.paused = paused;
    this.settle();
  }

  settle() {
    const wanted = !this.paused && !document.hidden;
    if (wanted && this.source === null) this.open();
    if (!wanted) this.close();
    if (this.paused) this.onState("paused");
  }

  open() {
    clearTimeout(this.again);
    this.onState("connecting");
    this.source = new EventSource(this.url);
    this.source.onmessage = (event) => {
      this.expect();
      this.onState("live");
      this.onMessage(JSON.parse(event.data));
    };
    this.source.onerror = () => this.lost();
    this.expect();
  }

  close() {
    clearTimeout(this.again);
    clearTimeout(this.quiet);
    this.source?.close();
    this.source = null;
  }

  // A connection that was cut off somewhere on the way looks like one on which nothing happens.
  expect() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      this.close();
      this.open();
      this.onState("lost");
    }, QUIET_MS);
  }

  lost() {
    this.onState("lost");
    // The browser tries again by itself, unless it was refused: too many others watch.
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.close();
    this.again = setTimeout(() => this.settle(), AGAIN_MS);
  }
}
