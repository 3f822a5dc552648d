"""How fast Switchyard answers, how much processor time an answer takes, and how that compares with doing nothing."""
