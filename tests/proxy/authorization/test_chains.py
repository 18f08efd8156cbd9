from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import CredentialRejectedError, UpstreamConnectError
from gateway.providers import PROVIDERS
from gateway.proxy.authorization import chains
from gateway.proxy.authorization.aws import AwsKeys
from gateway.proxy.authorization.chains import AwsChain, GoogleChain
from tests.proxy.authorization.conftest import TOKEN, Cloud, dump_key_file

VERTEX = PROVIDERS["vertex"].auth[1]


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave nothing of this machine's own for the chains to find."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


async def test_aws_keys_come_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    keys, lasts_s = await AwsChain().fetch()
    assert keys == AwsKeys("AKIDEXAMPLE", "canary-secret", None)
    assert lasts_s > 0
    assert "canary" not in repr(keys)


async def test_a_machine_without_aws_keys_is_told() -> None:
    with pytest.raises(CredentialRejectedError, match="default chain of AWS"):
        await AwsChain().fetch()


async def test_google_tokens_come_from_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: Cloud, pem: str
) -> None:
    file = tmp_path / "key.json"
    file.write_text(dump_key_file(pem, token_uri=f"{cloud.url}/token"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    token, lasts_s = await GoogleChain(VERTEX).fetch()
    assert token.lines == f"authorization: Bearer {TOKEN}\r\n".encode()
    assert 3000 < lasts_s <= 3600
    assert TOKEN not in repr(token)


async def test_a_machine_without_google_credentials_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(CredentialRejectedError, match="application default credentials"):
        await GoogleChain(VERTEX).fetch()


@pytest.mark.parametrize(
    ("chain", "module", "extra"),
    [
        (AwsChain(), "botocore.session", "bedrock"),
        (GoogleChain(VERTEX), "google.auth", "vertex"),
    ],
)
async def test_without_the_extra_its_name_is_said(
    monkeypatch: pytest.MonkeyPatch, chain: AwsChain | GoogleChain, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as where it is not installed
    with pytest.raises(UpstreamConnectError, match=rf"install lockgate\[{extra}\]"):
        await chain.fetch()


def test_what_is_left_of_a_token_is_counted_in_utc() -> None:
    ends = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=100)
    assert 95 < chains._count_left(ends) <= 100
    assert chains._count_left(None) > 0
    assert chains._count_left(ends - timedelta(days=1)) == 0
