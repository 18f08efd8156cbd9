"""Each agent works through several turns of its own tools, on models of other vendors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agents.conftest import BIN, HERE, LLM, PYTHON, run
from tests.translation.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

Command = tuple[list[str | Path], dict[str, str]]

_GEMINI_SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
}


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: how it is run, and its own name of the tool that runs a command in a shell."""

    build: Callable[[World, str, str, Path], Command]
    shell: str


def build_claude(world: World, endpoint: str, prompt: str, _home: Path) -> Command:
    environ = {
        "ANTHROPIC_BASE_URL": world.url,
        "ANTHROPIC_API_KEY": world.key,
        "ANTHROPIC_MODEL": endpoint,
        "ANTHROPIC_SMALL_FAST_MODEL": endpoint,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",  # it does not run as root otherwise
    }
    return [BIN / "claude", "-p", prompt, "--dangerously-skip-permissions"], environ


def build_codex(world: World, endpoint: str, prompt: str, home: Path) -> Command:
    provider = (
        f'model_providers.lockgate={{name="lockgate",base_url="{world.url}/v1",'
        'env_key="LOCKGATE_KEY",wire_api="responses"}'
    )
    command: list[str | Path] = [BIN / "codex", "exec", "--skip-git-repo-check"]
    command += ["--dangerously-bypass-approvals-and-sandbox", "-c", 'model_provider="lockgate"']
    command += ["-c", provider, "-m", endpoint, prompt]
    return command, {"CODEX_HOME": str(home), "LOCKGATE_KEY": world.key}


def build_opencode(world: World, endpoint: str, prompt: str, home: Path) -> Command:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{world.url}/v1", "apiKey": "{env:LOCKGATE_KEY}"},
        "models": {endpoint: {"tool_call": True}},
    }
    config = {
        "provider": {"lockgate": provider},
        "permission": "allow",
        "autoupdate": False,
        "share": "disabled",
    }
    environ = {
        "LOCKGATE_KEY": world.key,
        "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    said = home / "prompt.txt"
    said.write_text(prompt)  # as an argument it would be quoted once more
    command: list[str | Path] = ["sh", "-c", f'exec "$0" "$@" < {said}', BIN / "opencode", "run"]
    return [*command, "-m", f"lockgate/{endpoint}"], environ


def build_gemini(world: World, endpoint: str, prompt: str, home: Path) -> Command:
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(_GEMINI_SETTINGS))
    environ = {
        "GEMINI_API_KEY": world.key,
        "GOOGLE_GEMINI_BASE_URL": world.url,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }
    return [BIN / "gemini", "-p", prompt, "--yolo", "-m", endpoint], environ


AGENTS = {
    "claude-code": Agent(build_claude, "Bash"),
    "codex": Agent(build_codex, "exec_command"),
    "opencode": Agent(build_opencode, "bash"),
    "gemini-cli": Agent(build_gemini, "run_shell_command"),
}
OTHERS = {
    "claude-code": ("openai", "responses", "gemini", "bedrock", "cohere", "ollama"),
    "codex": ("openai", "anthropic", "gemini", "bedrock", "cohere", "ollama"),
    "opencode": ("anthropic", "gemini", "bedrock", "cohere", "ollama"),
    "gemini-cli": ("openai", "responses", "anthropic", "bedrock", "cohere", "ollama"),
}


def build_prompt(shell: str) -> str:
    """Return a prompt at which the simulator calls the shell twice, one turn each."""
    field = "cmd" if shell == "exec_command" else "command"
    calls = [
        json.dumps({field: f"printf {word}-%d {number}", "description": f"say {word}"})
        for word, number in (("first", "0x29"), ("second", "0x2A"))
    ]
    if shell == "exec_command":
        calls = [json.dumps({field: json.loads(call)[field]}) for call in calls]
    return "Run these:\n" + "\n".join(f"sim-run: {shell} {call}" for call in calls)


@pytest.mark.parametrize(
    ("name", "endpoint"), [(name, other) for name, others in OTHERS.items() for other in others]
)
async def test_an_agent_runs_its_tools_to_the_end(
    name: str, endpoint: str, world: World, tmp_path: Path
) -> None:
    agent = AGENTS[name]
    command, environ = agent.build(world, endpoint, build_prompt(agent.shell), tmp_path)
    ran = await run(command, tmp_path, environ)
    assert ran.status == 0, ran.out[-2000:]
    turns = [call for call in world.sim.calls if call.method == "POST"]
    assert len(turns) >= 3, ran.out[-2000:]
    # Only the shell of the agent can have made these out of the command. The last turn need not be
    # the one that has both: some agents ask for a title, too.
    assert any(b"first-41" in call.body and b"second-42" in call.body for call in turns)
    assert "second-42" in ran.out, ran.out[-2000:]


@pytest.mark.parametrize("endpoint", ["anthropic", "gemini", "responses"])
async def test_llm_calls_its_tools(endpoint: str, world: World, tmp_path: Path) -> None:
    models = (
        f"- model_id: lockgate\n  model_name: {endpoint}\n  api_base: {world.url}/v1\n"
        "  api_key_name: lockgate\n  supports_tools: true\n"
    )
    (tmp_path / "extra-openai-models.yaml").write_text(models)
    (tmp_path / "keys.json").write_text(json.dumps({"lockgate": world.key}))
    prompt = "sim-run: llm_version {}\nsim-run: llm_time {}"
    command: list[str | Path] = [LLM, "-m", "lockgate", "-T", "llm_version", "-T", "llm_time"]
    ran = await run([*command, prompt], tmp_path, {"LLM_USER_PATH": str(tmp_path)})
    assert ran.status == 0, ran.out[-2000:]
    assert len(world.sim.calls) >= 3
    assert b"utc_time" in world.sim.calls[-1].body
    assert "utc_time" in ran.out


@pytest.mark.parametrize("endpoint", ["anthropic", "gemini", "bedrock"])
async def test_llamaindex_calls_two_tools(endpoint: str, world: World, tmp_path: Path) -> None:
    script: list[str | Path] = [PYTHON, HERE / "llamaindex_loop.py", world.url, endpoint]
    ran = await run(script, tmp_path, {"LOCKGATE_KEY": world.key})
    assert ran.status == 0, ran.out[-2000:]
    assert "sunny-17" in ran.out, ran.out[-2000:]
    assert "noon-12" in ran.out, ran.out[-2000:]
