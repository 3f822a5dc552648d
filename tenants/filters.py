"""Which tenants, keys and members are listed."""

import django_filters

from audits.filters import IdFilter
from tenants.roles import Kind, Role


class OrganisationFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The organisation with a key."""

    key = django_filters.CharFilter()


class ProjectFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Projects of an organisation, or with a key."""

    organisation = IdFilter(field_name="organisation_id")
    key = django_filters.CharFilter()


class EnvironmentFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Environments of a project, or with a key."""

    project = IdFilter(field_name="project_id")
    key = django_filters.CharFilter()


class CredentialFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Keys to an environment, of a kind, revoked or not."""

    environment = IdFilter(field_name="environment_id")
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    is_active = django_filters.BooleanFilter()


class MembershipFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Roles in an organisation, a project or an environment, of a person, or of one kind."""

    organisation = IdFilter(field_name="organisation_id")
    project = IdFilter(field_name="project_id")
    environment = IdFilter(field_name="environment_id")
    username = django_filters.CharFilter(field_name="user__username")
    role = django_filters.ChoiceFilter(choices=Role.choices)
