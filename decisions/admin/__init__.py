"""Pages for people who ask what applications ask: who gets what and why, and by which protocol."""

from audits import theme
from decisions.admin.guides import guide
from decisions.admin.local import local_evaluation
from decisions.admin.playground import playground
from tenants import admin_credentials

theme.page("playground/", playground, name="playground")
theme.page("local-evaluation/", local_evaluation, name="local_evaluation")
admin_credentials.guides.append(guide)
