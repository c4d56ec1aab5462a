// One look at the page: posts that are new or changed since the last look, and whether this is its end. Where the page
// has come to rest, goes on by most of a screen: a page may load what comes into sight, and let go of what went.
const [REST, PATIENCE] = arguments;
const watch = window.__crawl;
const now = performance.now();
const LONGEST = 20000;
const text = (value) => (value ?? '').replaceAll('\0', '').trim().slice(0, LONGEST).toWellFormed();
const articles = [...document.querySelectorAll('article.post')];
const posts = [];
for (const article of articles) {
  const video = article.querySelector('video');
  const post = {
    post_id: text(article.dataset.postId),
    author: text(article.querySelector('.author')?.textContent).replace(/^@/, ''),
    caption: text(article.querySelector('.caption')?.textContent),
    language: text(article.closest('[lang]')?.lang),
    // As the browser resolves it.
    video_url: text(video?.src || video?.querySelector('source')?.src),
    posted_at: text(article.querySelector('time')?.dateTime),
  };
  const content = JSON.stringify(post);
  if (post.post_id && watch.posts.get(post.post_id) !== content) {
    watch.posts.set(post.post_id, content);
    posts.push(post);
  }
}
let box = articles.at(-1)?.parentElement;
while (box && !(box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY))) {
  box = box.parentElement;
}
box ??= document.scrollingElement ?? document.documentElement;
if (posts.length || box.scrollHeight !== watch.height) {
  watch.height = box.scrollHeight;
  watch.changed = now;
  watch.nudged = false;
}
const rested = now - watch.changed;
const answered = now - watch.answered;
const bottom = box.scrollTop + box.clientHeight >= box.scrollHeight - 2;
if (rested >= PATIENCE || (rested >= REST && answered >= REST && !watch.asking)) {
  if (!bottom) {
    box.scrollBy({ top: 0.8 * box.clientHeight, behavior: 'instant' });
    watch.changed = now;
  } else if (!watch.nudged) {
    // In a window of a person's size there would have been something to scroll.
    (box === document.scrollingElement ? document : box).dispatchEvent(new Event('scroll', { bubbles: true }));
    watch.nudged = true;
    watch.changed = now;
  }
}
return { posts, bottom, rested, answered, asking: watch.asking, failed: watch.failed };
