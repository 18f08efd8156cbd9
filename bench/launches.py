"""How each peer is installed, configured and started: a table.

Sources: the peers' own documentation, November 2026 (LiteLLM "Config.yaml", MLflow "AI Gateway
Configuration", Portkey "Custom hosts").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

KEY = "sk-bench"


@dataclass(frozen=True, slots=True)
class Launch:
    """How a peer is started: command, files beside it, environment, and how it is called."""

    command: list[str]
    files: dict[str, str]
    path: str = "/v1/chat/completions"
    model: str = "bench"
    headers: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another gateway: the program that shows it is installed, how to get it, how to start it."""

    name: str
    package: str
    program: str  # under the peer's folder
    build: Callable[[Path, Path, int, str], Launch]  # home, folder of the run, port, mock

    @property
    def short(self) -> str:
        """Its name as a word: of its folder, and on the command line."""
        return self.name.split()[0].lower()


def _launch_litellm(home: Path, folder: Path, port: int, mock: str) -> Launch:
    config = {
        "model_list": [
            {
                "model_name": "bench",
                "litellm_params": {
                    "model": "openai/mock",
                    "api_base": f"{mock}/v1",
                    "api_key": "k",
                },
            }
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"set_verbose": False, "telemetry": False},
    }
    command = [str(home / "bin/litellm"), "--config", str(folder / "config.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return Launch(
        command,
        {"config.yaml": json.dumps(config)},  # JSON is YAML
        env=env,
    )


def _launch_mlflow(home: Path, folder: Path, port: int, mock: str) -> Launch:
    model = {
        "provider": "openai",
        "name": "mock",
        "config": {"openai_api_key": "k", "openai_api_base": f"{mock}/v1"},
    }
    config = {"endpoints": [{"name": "bench", "endpoint_type": "llm/v1/chat", "model": model}]}
    command = [str(home / "bin/mlflow"), "gateway", "start", "--workers", "1"]
    command += ["--config-path", str(folder / "config.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    path = f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin"  # it starts its server by name
    env = {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return Launch(command, {"config.yaml": json.dumps(config)}, env=env)


def _launch_portkey(home: Path, _folder: Path, port: int, mock: str) -> Launch:
    script = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    command = ["node", str(script), f"--port={port}", "--headless"]
    headers = ("x-portkey-provider: openai", f"x-portkey-custom-host: {mock}/v1")
    return Launch(command, {}, headers=headers, env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"})


PEERS = (
    Peer("Portkey", "@portkey-ai/gateway", "node_modules/@portkey-ai", _launch_portkey),
    Peer("MLflow AI Gateway", "mlflow[gateway]", "bin/mlflow", _launch_mlflow),
    Peer("LiteLLM proxy", "litellm[proxy]", "bin/litellm", _launch_litellm),
)
