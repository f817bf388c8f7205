"""Run an API pod: settings, logs, server."""

from api.app import ApiPod
from api.settings import ApiSettings
from backbone.runtime.logs import configure_logging
from backbone.runtime.server import run_pod
from backbone.runtime.settings import load_settings


def run(**overrides: object) -> None:
    """Serve until a polite signal; `overrides` (`listen_host`, `listen_port`, …) win over the environment.

    Raises:
        InvalidSettings: at least one setting is missing or wrong.
        OSError: the address cannot be listened on.
    """
    settings = load_settings(ApiSettings, **overrides)
    configure_logging(settings.pod_name, settings.log_format, settings.log_level)
    pod = ApiPod(settings)
    run_pod(pod.app, settings, drain=pod.drain)
