"""One module an environment: local, test, production. app.env chooses."""
