"""Static files without the build step that production has."""

from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class PlainStorage(CompressedManifestStaticFilesStorage):
    """Collects as production does, links without hashes.

    So pages work before anything was collected, and a platform that runs collectstatic while it builds, when ENV is
    not set yet, still leaves the manifest that production reads.
    """

    def url(self, name: str | None, force: bool = False) -> str:
        return StaticFilesStorage.url(self, name)
