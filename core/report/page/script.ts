/**
 * What the page does beyond showing itself, as plain JavaScript: the theme, local times, the search, and following a run that is still
 * going on. Without it everything can be read all the same. It never builds markup: a live part comes from the server as a whole.
 */
export const pageScript = `
(() => {
  const root = document.documentElement;
  const kept = { get: () => { try { return localStorage.getItem('modelflow-theme'); } catch { return null; } }, set: (value) => { try { localStorage.setItem('modelflow-theme', value); } catch {} } };
  const themes = ['system', 'light', 'dark'];
  const button = document.getElementById('theme');
  const show = (theme) => {
    if (theme === 'system') root.removeAttribute('data-theme'); else root.dataset.theme = theme;
    button.textContent = 'Theme: ' + theme;
  };
  let theme = themes.includes(kept.get()) ? kept.get() : 'system';
  show(theme);
  button.hidden = false;
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    kept.set(theme);
    show(theme);
  });

  const localTimes = (within) => {
    for (const time of within.querySelectorAll('time')) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      time.title = time.textContent;
      time.textContent = date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
    }
  };
  localTimes(document);

  const search = () => {
    const field = document.getElementById('filter');
    const tools = field && field.closest('.tools');
    if (!tools) return;
    tools.hidden = false;
    const stages = [...document.querySelectorAll('.stage')];
    const find = () => {
      const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
      let found = 0;
      for (const stage of stages) {
        stage.hidden = !words.every((word) => stage.dataset.find.includes(word));
        if (!stage.hidden) found++;
      }
      document.getElementById('found').textContent = words.length === 0 ? '' : found + ' of ' + stages.length;
    };
    field.addEventListener('input', find);
    const all = (open) => () => { for (const stage of stages) if (!stage.hidden) stage.open = open; };
    document.getElementById('open-all').addEventListener('click', all(true));
    document.getElementById('close-all').addEventListener('click', all(false));
    find();
  };
  search();

  // A link to a stage opens it.
  const openTarget = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === 'DETAILS') { target.hidden = false; target.open = true; target.scrollIntoView(); target.querySelector('summary').focus({ preventScroll: true }); }
  };
  addEventListener('hashchange', openTarget);
  openTarget();
  addEventListener('click', (event) => {
    const link = event.target instanceof Element && event.target.closest('a[href^="#stage-"]');
    if (link && link.getAttribute('href') === location.hash) openTarget();
  });
  addEventListener('beforeprint', () => { for (const part of document.querySelectorAll('details')) if (!part.classList.contains('stage')) part.open = true; });

  const runs = document.getElementById('runs');
  if (runs) runs.addEventListener('change', () => { location.href = runs.value; });

  const source = document.body.dataset.live;
  if (!source) return;
  const note = document.getElementById('live');
  const pathTo = (element, top) => {
    if (element.id) return '#' + CSS.escape(element.id);
    const path = [];
    for (let at = element; at !== top && at.parentElement; at = at.parentElement) path.unshift(':nth-child(' + ([...at.parentElement.children].indexOf(at) + 1) + ')');
    return '#' + CSS.escape(top.id) + ' > ' + path.join(' > ');
  };
  // What was opened, typed, scrolled and focused stays so.
  const replace = (id, markup) => {
    const old = document.getElementById(id);
    const inside = old && old.contains(document.activeElement) ? document.activeElement : null;
    const focused = inside && pathTo(inside, old);
    const opened = old ? [...old.querySelectorAll('details[open]')].map((each) => pathTo(each, old)) : [];
    const scrolled = old ? [...old.querySelectorAll('.scroll')].map((each) => [pathTo(each, old), each.scrollLeft, each.scrollTop]) : [];
    const field = document.getElementById('filter');
    const typed = field && old && old.contains(field) ? field.value : undefined;
    const box = document.createElement('template');
    box.innerHTML = markup;
    const fresh = box.content.firstElementChild;
    old.replaceWith(fresh);
    localTimes(fresh);
    for (const path of opened) { const each = document.querySelector(path); if (each) each.open = true; }
    for (const [path, left, top] of scrolled) { const each = document.querySelector(path); if (each) { each.scrollLeft = left; each.scrollTop = top; } }
    if (typed !== undefined) { document.getElementById('filter').value = typed; }
    if (fresh.querySelector('#filter')) search();
    if (focused) { const each = document.querySelector(focused); if (each) each.focus({ preventScroll: true }); }
  };
  const events = new EventSource(source);
  const tell = (text, lost) => { note.textContent = text; note.classList.toggle('lost', lost); };
  events.addEventListener('open', () => tell('● live', false));
  events.addEventListener('error', () => tell('○ not connected', true));
  events.addEventListener('parts', (event) => {
    const { parts, order, title } = JSON.parse(event.data);
    document.title = title;
    const main = document.querySelector('main');
    for (const id of [...main.children].map((each) => each.id)) if (!order.includes(id)) document.getElementById(id).remove();
    for (const [index, id] of order.entries()) {
      if (!document.getElementById(id)) {
        const place = document.createElement('section');
        place.id = id;
        main.insertBefore(place, main.children[index] || null);
      }
      if (id in parts) replace(id, parts[id]);
    }
    if ('navigation' in parts) replace('navigation', parts.navigation);
  });
  events.addEventListener('over', () => { tell('', false); events.close(); });
  events.addEventListener('newer', (event) => { location.href = JSON.parse(event.data).href; });
})();
`;
