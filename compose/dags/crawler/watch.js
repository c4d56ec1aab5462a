// Runs in the page before its own scripts: what the page is asking for, and when that last ended.
(() => {
  const now = performance.now();
  const watch = { asking: 0, failed: 0, answered: now, changed: now, height: 0, nudged: false, posts: new Map() };
  Object.defineProperty(window, '__crawl', { value: watch });
  const ended = (good) => {
    watch.asking -= 1;
    watch.failed += good ? 0 : 1;
    watch.answered = performance.now();
  };
  const fetch = window.fetch;
  window.fetch = async (...request) => {
    watch.asking += 1;
    let answer;
    try {
      answer = await fetch(...request);
    } catch (error) {
      ended(error?.name === 'AbortError');
      throw error;
    }
    // Until its body is there, too.
    answer.clone().arrayBuffer().then(() => ended(answer.ok), () => ended(false));
    return answer;
  };
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (...body) {
    watch.asking += 1;
    this.addEventListener('loadend', () => ended(this.status >= 200 && this.status < 400));
    return send.apply(this, body);
  };
})();
