"""The settings of a pod's trust in Redis: what belongs together is asked for together, and no secret is repeated."""

from typing import Any

import pytest

from backbone.eventlog.signing import signatures_of, warn_if_unsigned
from backbone.runtime.settings import InvalidSettings, PodSettings, load_settings

ONE, OTHER = "a secret of thirty-two characters", "another of thirty-two characters"


def settings(**more: Any) -> PodSettings:
    given = {"database_url": "postgresql://u@h/d", "redis_url": "redis://:pw@h:6379/0", **more}
    return load_settings(PodSettings, **given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"redis_secret": "short"}, "BELLWIRE_REDIS_SECRET: "),
        ({"redis_secret_before": OTHER}, "BELLWIRE_REDIS_SECRET_BEFORE: "),
        ({"redis_signatures": "only"}, "BELLWIRE_REDIS_SIGNATURES: "),
        ({"redis_strict": True}, "BELLWIRE_REDIS_STRICT: Value error, BELLWIRE_REDIS_SECRET is missing"),
        *(
            ({"redis_strict": True, "redis_secret": ONE, "redis_url": url}, "BELLWIRE_REDIS_STRICT: Value error, ")
            for url in (
                "redis://h:6379/0", "redis://user@h/0", "redis://user:@h/0", "rediss://h", "unix:///run/v.sock",
                "redis+sentinel://h/primary?sentinel_password=pw", "redis+cluster://h,i",
            )
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_stops_the_pod(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], named: str
) -> None:
    monkeypatch.delenv("BELLWIRE_REDIS_SECRET", raising=False)
    with pytest.raises(InvalidSettings) as caught:
        settings(**given)
    [line] = str(caught.value).splitlines()
    assert line.startswith(named)
    assert "short" not in line
    assert OTHER not in line


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pw@h:6379/0", "rediss://user:pw@h", "unix://:pw@/run/v.sock", "redis+cluster://:pw@h,i",
        "redis+sentinel://user:pw@h:1,i:2/primary?db=0", "redis://h:6379/0?password=pw",
    ],
)  # fmt: skip
def test_with_a_password_and_a_secret_a_strict_pod_starts(url: str) -> None:
    assert settings(redis_strict=True, redis_secret=ONE, redis_url=url).redis_strict


def test_a_pod_signs_with_both_secrets_and_without_one_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    both = signatures_of(settings(redis_secret=ONE, redis_secret_before=OTHER))
    after, before = signatures_of(settings(redis_secret=ONE)), signatures_of(settings(redis_secret=OTHER))
    assert both is not None
    assert after is not None
    assert before is not None
    assert both.sign("kitchen", b"x") == after.sign("kitchen", b"x") + b"," + before.sign("kitchen", b"x")
    warn_if_unsigned(settings(redis_secret=ONE))
    assert caplog.records == []
    without = settings()
    assert signatures_of(without) is None
    warn_if_unsigned(without)
    assert [record.getMessage() for record in caplog.records] == ["redis.unsigned"]
