"""The field in which people say who is meant: groups and conditions to click, over the JSON that is stored."""

from typing import Any

from django.forms import Script
from django.forms.utils import flatatt
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audits import theme


class ConditionsWidget(theme.JsonArea):  # type: ignore[misc]
    """A text area with the tree as JSON, which a script shows as groups and conditions; it works without, too.

    `project_id` is whose attributes and segments are offered; without one, what the form's field `project` says.
    `segment` is the primary key of the segment that is being edited: it cannot refer to itself. Rows that a formset
    adds later are shown the same way.
    """

    project_id: int | None = None
    segment: int | None = None

    class Media:
        js = [Script("features/conditions.js", type="module")]
        css = {"all": ["features/conditions.css"]}

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        about: dict[str, Any] = {
            "data-vocabulary": reverse("admin:features_segment_vocabulary"),
            "data-reading": reverse("admin:features_segment_reading"),
            "data-project": self.project_id,
            "data-segment": self.segment,
            "data-optional": not self.is_required,
        }
        area = super().render(name, value, {**(attrs or {}), "spellcheck": "false"}, renderer)
        return format_html("<conditions-editor{}>{}</conditions-editor>", flatatt(about), area)


class ConditionsField(theme.JsonField):
    """Conditions as the engine reads them."""

    widget = ConditionsWidget

    def about(self, project_id: int, segment: int | None = None) -> None:
        """Offer what there is in this project."""
        self.widget.project_id, self.widget.segment = project_id, segment
