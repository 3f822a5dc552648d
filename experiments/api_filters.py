"""Which experiments and layers are listed."""

import django_filters

from audits.filters import IdFilter
from experiments.models import ExperimentStatus


class ExperimentFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Experiments of a project or an environment, on a feature, in a layer, or of one status."""

    project = IdFilter(field_name="environment__project_id")
    environment = IdFilter(field_name="environment_id")
    feature = IdFilter(field_name="feature_id")
    layer = IdFilter(field_name="layer_id")
    status = django_filters.ChoiceFilter(choices=ExperimentStatus.choices)


class LayerFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Layers of a project, or with a key."""

    project = IdFilter(field_name="project_id")
    key = django_filters.CharFilter()
