// Runs before the page is drawn, so that nothing moves when the views are.
document.documentElement.className = "script" + (/^#\//.test(location.hash) ? " routed" : "");
