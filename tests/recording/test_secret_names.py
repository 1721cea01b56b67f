"""What counts as a secret by the name of what holds it: environment variables, fields, parameters, assignments."""

from __future__ import annotations

import base64
import json

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.secret_names import EnvironmentRules

VALUE = "pl4nted-value-71"


def is_known(name: str, value: str, rules: tuple[str, ...] = ()) -> bool:
    redactor = Redactor({name: value}, rules=EnvironmentRules(rules))
    return redactor.text(f"it is {value} there") != f"it is {value} there"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "OPENAI_API_KEY",
            "api_key",
            "ApiKey",
            "MY_KEY_PROD",
            "KEY_OPENAI",
            "GITHUB_TOKEN",
            "GITHUBTOKEN",
            "TOKEN",
        ),
        *(
            "SECRET_KEY_BASE",
            "APP_SECRETS",
            "clientSecret",
            "DB_PASSWORD",
            "PGPASSWORD",
            "MYSQL_PWD",
            "DBPASSWD",
        ),
        *(
            "SSH_PASSPHRASE",
            "GOOGLE_CREDENTIALS",
            "LAB_CREDENTIAL",
            "BASIC_AUTH",
            "GH_PAT",
            "SENTRY_DSN",
            "SMTP_PASS",
        ),
        *(
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
        *("JWT", "SLACK_WEBHOOK_URL", "NPM_AUTH_TOKEN_2", "API_TOKENS", "DOCKER_AUTH_CONFIG"),
    ],
)
def test_variables_that_hold_secrets(name: str) -> None:
    assert is_known(name, VALUE)
    assert is_known(name, "zqwhmfkdlaprtv")  # letters alone


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PATH",
            "PYTHONPATH",
            "KEYBOARD",
            "KEYMAP",
            "MONKEY",
            "XAUTHORITY",
            "GIT_AUTHOR_NAME",
            "AUTHOR",
            "COMPAT",
        ),
        *(
            "SSH_AUTH_SOCK",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "TOKEN_LIMIT",
            "AUTH_TYPE",
            "KEY_FILE",
            "PWD",
        ),
        *(
            "OLDPWD",
            "PASSWORD_STORE_DIR",
            "GNOME_KEYRING_CONTROL",
            "STRIPE_PUBLISHABLE_KEY",
            "SSH_KEY_PATH",
            "PATTERN",
        ),
        *(
            "OAUTH_CLIENT_ID",
            "SECRET_NAME",
            "AUTH_URL",
            "TOKEN_ENDPOINT",
            "KEY_VAULT_NAME",
            "HOME",
            "DISPATCH",
        ),
    ],
)
def test_variables_that_hold_none(name: str) -> None:
    assert not is_known(name, VALUE)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "true",
            "false",
            "none",
            "None",
            "null",
            "yes",
            "changeme",
            "required",
            "disabled",
            "localhost",
            "x" * 20,
        ),
        *(
            "/usr/bin",
            "/etc/keys/api.pem",
            "~/.ssh/id_rsa",
            "./secrets/key.txt",
            "C:\\keys\\a.pem",
            "/opt/a1b2c3d4e5",
        ),
        *(
            "https://auth.example.com/v1",
            "short1",
            "EMPTYEMPTY",
            "${OTHER_KEY}",
            "<your key>",
            "your-api-key",
            "***",
        ),
        *("op://vault/item/field", "arn:aws:secretsmanager:eu-1:1:secret:x"),
    ],
)
def test_values_that_can_be_no_secret(value: str) -> None:
    assert not is_known("APP_SECRET", value)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("postgres://app:Wint3r-2026@db/x", "Wint3r-2026"),
        ("https://me:p%40ss-w0rd@proxy:8080", "p@ss-w0rd"),
        ("redis://:zqwhmfkdlaprtvbn@cache/0", "zqwhmfkdlaprtvbn"),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "HTTPS_PROXY", "CELERY_BROKER"])
def test_passwords_of_addresses_in_any_variable(name: str, value: str, part: str) -> None:
    redactor = Redactor({name: value})
    assert redactor.text(f"psql says {part}?") == f"psql says [redacted {name}]?"
    assert part not in redactor.text(f"cannot connect to {value}")


def test_lines_and_lists_of_a_variable_are_found_one_by_one() -> None:
    redactor = Redactor(
        {"API_KEYS": "first-k3y-000000001,second-k3y-00000002", "PEM_SECRET": "a\nbase64Line0123456789\nc"}
    )
    assert redactor.text("x second-k3y-00000002") == "x [redacted API_KEYS]"
    assert redactor.text("x base64Line0123456789") == "x [redacted PEM_SECRET]"


def test_short_passwords_are_found_as_whole_words_only() -> None:
    redactor = Redactor({"DB_PASSWORD": "abc123"})
    assert redactor.text("abc123, xabc123, abc1234, (abc123)") == (
        "[redacted DB_PASSWORD], xabc123, abc1234, ([redacted DB_PASSWORD])"
    )


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "longer-user:"])
def test_values_inside_base64_are_found(before: str) -> None:
    encoded = base64.b64encode(f"{before}{VALUE}-more".encode()).decode()
    shown = Redactor({"LAB_TOKEN": VALUE}).text(f"it said {encoded}")
    assert base64.b64encode(VALUE.encode()).decode()[4:12] not in shown
    assert "[redacted LAB_TOKEN]" in shown


def test_rules_of_the_project_go_before_names() -> None:
    assert is_known("LAB_ID", VALUE, ("LAB_*",))
    assert not is_known("LAB_ID", VALUE, ("LAB_*", "!LAB_ID"))
    assert not is_known("APP_SECRET", VALUE, ("!APP_SECRET",))
    assert is_known("APP_SECRET", VALUE, ("!*_SECRET", "APP_*"))


@pytest.mark.parametrize("rule", ["", "A B", "A=B", "!", "$KEY", "!!A"])
def test_rule_that_is_no_name_is_refused(rule: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the name of an environment variable"):
        EnvironmentRules([rule])


# Fields of JSON


@pytest.mark.parametrize(
    "field",
    [
        *(
            "password",
            "Password",
            "passwd",
            "api_key",
            "apiKey",
            "x-api-key",
            "client_secret",
            "db_password_2",
            "pwd",
        ),
        *(
            "authorization",
            "accessKey",
            "private_key_id",
            "secret",
            "secretKeyBase",
            "credentials",
            "passphrase",
        ),
    ],
)
def test_values_of_secret_fields_are_replaced(field: str) -> None:
    shown = Redactor({}).json({"a": [{field: "hunter2-x"}], "b": {field: ["one-k3y-x", "two-k3y-x"]}})
    assert shown == {
        "a": [{field: "[redacted secret]"}],
        "b": {field: ["[redacted secret]", "[redacted secret]"]},
    }


def test_schemes_stay_where_a_field_has_one() -> None:
    assert Redactor({}).json({"Authorization": "Token c0ffee-c0ffee"}) == {
        "Authorization": "Token [redacted secret]"
    }


@pytest.mark.parametrize(
    "value",
    [
        {"password": {"type": "string", "minLength": 8}},
        {"password": "required", "secret": None, "api_key": True},
        {"password": "must be at least 8 characters long"},
        {"errors": {"password": ["This field cannot be blank.", "too short"]}},
        {"key": "photos/2026/11/image-0001.jpg", "cache_key": "user-1234567890abcdef", "primary_key": "id-00000001"},
        {"token": "Hello", "logprob": -0.1, "max_tokens": 4096, "total_tokens": 123456789},
        {"nextPageToken": "CAUQAA1234567890abcdef", "page_token": "a1b2c3d4e5f6g7h8", "sync_token": "a1b2c3d4e5f6g7"},
        {"signature": "a1b2c3d4e5f6g7h8i9j0" * 4, "author": "a1b2c3d4e5f6g7h8i9"},
        {"credentials": "same-origin", "auth": "oauth2"},
    ],
    ids=str,
)  # fmt: skip
def test_other_fields_are_left_alone(value: object) -> None:
    assert Redactor({}).json(value) == value


def test_two_doubtful_tokens_stay_two() -> None:
    """`token` may name what is no secret: what two requests ask for must not become one."""
    one, other = ({"token": f"{letter}1b2c3d4e5f6g7h8i9"} for letter in "ab")
    redactor = Redactor({})
    assert redactor.json(one) != redactor.json(other)
    assert redactor.json(redactor.json(one)) == redactor.json(one)
    assert "1b2c3d4e5f6g7h8i9" not in json.dumps(redactor.json([one, other]))
