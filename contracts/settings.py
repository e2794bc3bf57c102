"""How every service reads its settings: one frozen class a service, from defaults, a TOML file, the environment, secret files and the command line.

Later wins: defaults < TOML (top-level keys are shared, a service's own stand in its section) < secret files < `KEEPSIGHT_KEY` and
`KEEPSIGHT_SECTION_KEY` < `--key`. Outside TOML, tables and lists are JSON. Unknown keys are refused with the nearest known name. `--help` and
docs/settings.md come from the same fields.
"""

import argparse
import difflib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, cast, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

from contracts.errors import SettingsError
from contracts.ids import NAME
from contracts.log_security import LogSecurity

SECTIONS: Final = ("serving", "monitor", "retrain", "standalone")
_NOT_SETTINGS: Final = ("KEEPSIGHT_TEST_", "KEEPSIGHT_REQUIRE_ALL", "KEEPSIGHT_SETTINGS", "KEEPSIGHT_CAMERA_")


class ServiceSettings(BaseSettings):
    """What all services share. A service's own class sets `section` and adds its fields, each with a description, units in its name."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="KEEPSIGHT_", cli_parse_args=False)
    section: ClassVar[str] = ""
    toml: ClassVar[Mapping[str, Any]] = {}
    line: ClassVar[Mapping[str, str]] = {}

    log: str = Field(
        "embedded:///var/lib/keepsight/log", description="The log: embedded:///folder, or kafka://host:port[,host:port][/prefix]."
    )
    repository: str = Field("/var/lib/keepsight/repository", description="The model repository: a folder, s3://… or gs://…")
    frame_store: str = Field("/var/lib/keepsight/frames", description="The frame store: a folder, s3://… or gs://…")
    state: Path = Field(
        Path("/var/lib/keepsight/state"), description="A folder of this machine for what a service must remember over a restart."
    )
    jobs: Path | None = Field(
        None,
        description="Folder of the training jobs, which retrain writes and the console shows. Unset: `retrain/jobs` in `state`.",
    )
    model: str = Field("model", pattern=f"^{NAME.pattern}$", description="The model that these services serve, watch and mend.")
    new_classes: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        (),
        description='Classes that no version knows yet and labels may name, as `["scratch"]`: enough labels of one start a retraining with a wider head. '
        "Every other unknown class stays refused as a typing error.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    kafka_ca_file: Path | None = Field(None, description="CA certificates (PEM) of a Kafka cluster with TLS.")
    kafka_username: str = Field("", description="SASL user; empty: no SASL.")
    kafka_password: str = Field("", description="SASL password. Better as a secret file: see docs/settings.md.", repr=False)
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    kafka_tls: bool = Field(False, description="Speak TLS to Kafka (implied by kafka_ca_file and kafka_cert_file).")
    kafka_cert_file: Path | None = Field(None, description="This client's certificate (PEM), where the cluster asks for one.")
    kafka_key_file: Path | None = Field(None, description="The key of kafka_cert_file (PEM).")

    @property
    def jobs_folder(self) -> Path:
        """The folder of the training jobs."""
        return (self.jobs or self.state / "retrain" / "jobs").absolute()

    @property
    def log_security(self) -> LogSecurity | None:
        """How to prove oneself to Kafka; None when neither TLS nor SASL is asked for."""
        tls = self.kafka_tls or self.kafka_ca_file is not None or self.kafka_cert_file is not None
        if not tls and not self.kafka_username:
            return None
        return LogSecurity(
            self.kafka_ca_file,
            self.kafka_username,
            self.kafka_password,
            self.kafka_mechanism,
            self.kafka_cert_file,
            self.kafka_key_file,
            tls,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then the section's variables, the shared variables, secret files and the TOML file."""
        own = EnvSettingsSource(settings_cls, env_prefix=f"KEEPSIGHT_{cls.section.upper()}_")
        secrets = os.environ.get("KEEPSIGHT_SECRETS_DIR", "/run/secrets/keepsight")
        files = (SecretsSettingsSource(settings_cls, secrets_dir=secrets, env_prefix=""),) if Path(secrets).is_dir() else ()
        return (init_settings, _Line(settings_cls, cls.line), own, env_settings, *files, _Toml(settings_cls, cls.toml))


S = TypeVar("S", bound=ServiceSettings)


class _Line(EnvSettingsSource):
    """The command line's values, read as a variable's would be: tables and lists as JSON."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, str]) -> None:
        super().__init__(settings_cls, env_prefix="")
        self.env_vars = values


class _Toml(PydanticBaseSettingsSource):
    """The parsed TOML file: shared keys, overlaid by the section's."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._values)


def load(cls: type[S], argv: Sequence[str], prog: str, about: str) -> S:
    """The settings of a service from its command line. Exits on --help; raises SettingsError naming the key, the value and what is allowed."""
    arguments = vars(_parser(cls, prog, about).parse_args(argv))
    path = arguments.pop("settings") or os.environ.get("KEEPSIGHT_SETTINGS")
    values = read_toml(cls, Path(path)) if path else {}
    _refuse_unknown_variables(cls)
    line = {key: value for key, value in arguments.items() if value is not None}
    namespace = {"toml": values, "line": line, "__doc__": cls.__doc__, "__module__": cls.__module__}
    try:
        return cast(Callable[[], S], type(cls.__name__, (cls,), namespace))()
    except ValidationError as error:
        raise SettingsError(_complaint(cls, error.errors()[0])) from None
    except UnreadableSettingError as error:
        key = str(error).split('"')[1]  # error parsing value for field "key" from source …
        raise SettingsError(
            f"setting {key!r} cannot be read: {error.__cause__}. Outside TOML files, tables and lists are JSON"
        ) from None


def read_toml(cls: type[ServiceSettings], path: Path) -> dict[str, Any]:
    """The keys of a TOML file that concern a service. Raises SettingsError for a missing file, bad TOML and unknown keys."""
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise SettingsError(
            f"settings file {path} does not exist: name one with --settings, or make one with `keepsight init`"
        ) from None
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from None
    sections = {key: content.pop(key) for key in SECTIONS if isinstance(content.get(key), dict)}
    shared = set(ServiceSettings.model_fields)
    for key in content:
        if key in SECTIONS:
            raise SettingsError(f"{path}: {key!r} is {content[key]!r}; it is a section: write [{key}] and its keys below")
        if key not in shared:
            raise SettingsError(f"{path}: unknown key {key!r}{_nearest(key, shared | set(SECTIONS))}")
    own = sections.get(cls.section, {})
    for key in own:
        if key not in cls.model_fields:
            raise SettingsError(f"{path}: unknown key {key!r} in [{cls.section}]{_nearest(key, cls.model_fields)}")
    return {**content, **own}


def _refuse_unknown_variables(cls: type[ServiceSettings]) -> None:
    known = {f"KEEPSIGHT_{name.upper()}" for name in cls.model_fields} | {"KEEPSIGHT_SECRETS_DIR"}
    known |= {f"KEEPSIGHT_{cls.section.upper()}_{name.upper()}" for name in cls.model_fields}
    others = tuple(f"KEEPSIGHT_{section.upper()}_" for section in SECTIONS if section != cls.section)
    for name in os.environ:
        if name.startswith("KEEPSIGHT_") and name not in known and not name.startswith((*others, *_NOT_SETTINGS)):
            raise SettingsError(f"environment variable {name} is no setting of {cls.section}{_nearest(name, known)}")


def _parser(cls: type[ServiceSettings], prog: str, about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--settings", metavar="FILE", help="TOML file with shared keys and a section for each service [KEEPSIGHT_SETTINGS]"
    )
    for name, field in cls.model_fields.items():
        variable = f"KEEPSIGHT_{'' if name in ServiceSettings.model_fields else cls.section.upper() + '_'}{name.upper()}"
        text = f"{field.description} Default: {default_text(field)}. [{variable}]".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=text)
    return parser


def default_text(field: FieldInfo) -> str:
    """A field's default as help and docs write it."""
    value = field.get_default(call_default_factory=True) if field.default_factory is None else field.default_factory()  # type: ignore[call-arg]  # ours take none
    if value is None or value == "":
        return "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | int | float | tuple | list) else str(value)


def _complaint(cls: type[ServiceSettings], error: ErrorDetails) -> str:
    """One validation error in our words: the key, the value unless it is secret, what is allowed."""
    path = [str(part) for part in error["loc"]]
    key, field = ".".join(path), cls.model_fields.get(path[0]) if path else None
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown setting {key!r}{_nearest(path[-1], _siblings(cls, path))}"
    if field is None:
        return f"settings: {error['msg']}"
    value = repr(error["input"]) if field.repr else "not shown, it is a secret"
    return f"setting {key!r} is {value}: {error['msg']}. {field.description or ''}".rstrip()


def _siblings(cls: type[BaseModel], path: Sequence[str]) -> set[str]:
    """The keys allowed where `path` ends, found by walking the nested tables (models and dataclasses of pydantic)."""
    model: type[BaseModel] = cls
    for part in path[:-1]:
        field = model.__pydantic_fields__.get(part)
        nested = [kind for kind in _parts(field.annotation) if hasattr(kind, "__pydantic_fields__")] if field else []
        model = nested[0] if nested else model
    return set(model.__pydantic_fields__)


def _parts(annotation: Any) -> list[type]:
    found = [annotation] if isinstance(annotation, type) and not get_args(annotation) else []
    return found + [part for argument in get_args(annotation) for part in _parts(argument)]


def _nearest(name: str, known: Mapping[str, Any] | set[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"


def exit_with(error: Exception) -> int:
    """Say on standard error, in one line, why a service does not start. Returns the exit status."""
    sys.stderr.write(f"keepsight: {error}\n")
    return 2
