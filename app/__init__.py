"""The assembly: settings, urls and the server entry points. Nothing imports it."""
