"""Logs with fields, on standard output, from which secrets have been taken out."""

import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "(hidden)"
SECRET_NAME = re.compile(
    r"authorization|cookie|password|secret|token|dsn|database_url|x-[\w-]*key|^api_?key$", re.IGNORECASE
)
SECRET_TEXT = (
    # A URL's password: scheme://user:password@host
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+(@)"), rf"\1{HIDDEN}\2"),
    # A header written out in a sentence or a dump, up to its line's or its quotes' end
    (
        re.compile(
            r"((?:authorization|cookie|x-[\w-]*key|x-token)['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\r\n]+", re.IGNORECASE
        ),
        rf"\1{HIDDEN}",
    ),
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last processor before rendering, so that tracebacks are text by then."""
    return {name: HIDDEN if SECRET_NAME.search(name) else clean(value) for name, value in event.items()}


def clean(value: Any) -> Any:
    """The value without secrets, however deep they stand in it."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {name: HIDDEN if SECRET_NAME.search(str(name)) else clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value


def clean_text(text: str) -> str:
    """The text without passwords and key headers."""
    for pattern, replacement in SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def shared_processors() -> list[Processor]:
    """What happens to every event, whether structlog or the standard library logged it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def renderer(style: str) -> Processor:
    """`json` for machines, `console` for people."""
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def config(*, level: str, style: str) -> dict[str, Any]:
    """Django's LOGGING: one handler, one formatter, everybody."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*shared_processors(), structlog.stdlib.ExtraAdder()],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer(style)],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"fields": formatter},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "fields"}},
        "root": {"handlers": ["stdout"], "level": level},
        # Django gives this logger a handler of its own; without this, events would be written twice.
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "psycopg.pool": {"level": "ERROR"},  # it tells of every attempt, once a second while a database is away
        },
    }


def install() -> None:
    """Send structlog's events through the standard library, where LOGGING waits for them."""
    structlog.configure(
        processors=[*shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
