"""Secrets of many kinds, and innocent texts that resemble them, for the tests of redaction.

Both are made anew from a seed, and of parts, so that nothing in this file is a secret to anybody who looks for some.
"""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable

LETTERS = string.ascii_letters + string.digits


class Maker:
    """Random texts of the alphabets that keys are made of."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, alphabet: str, n: int) -> str:
        return "".join(self.random.choices(alphabet, k=n))

    def word(self, n: int) -> str:
        """Letters and digits, with both among them."""
        return self.pick(LETTERS, n - 2) + self.pick(string.digits, 1) + self.pick(string.ascii_letters, 1)

    def hex(self, n: int) -> str:
        return self.pick("0123456789abcdef", n)

    def capitals(self, n: int) -> str:
        return self.pick(string.ascii_uppercase + string.digits, n)

    def url(self, n: int) -> str:
        return self.pick(LETTERS + "-_", n)

    def base64(self, n: int) -> str:
        return self.pick(LETTERS + "+/", n)

    def digits(self, n: int) -> str:
        return self.pick(string.digits, n)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def bytes(self, n: int) -> bytes:
        return self.random.randbytes(n)

    def key_block(self, kind: str) -> str:
        lines = "\n".join(self.base64(64) for _ in range(6))
        return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def planted(seed: int) -> dict[str, tuple[str, list[str]]]:  # noqa: PLR0915  # a table
    """By kind: a text with a secret in it, and the parts of it that must not be left."""
    m = Maker(seed)
    found: dict[str, tuple[str, list[str]]] = {}

    def add(kind: str, before: str, core: str, after: str = "") -> None:
        found[kind] = (before + core + after, [core])

    add("OpenAI", "s" + "k-", m.word(48))
    add("OpenAI, of a project", "sk-pr" + "oj-", m.url(64))
    add("OpenAI, of a service", "sk-sv" + "cacct-", m.url(64))
    add("Anthropic", "sk-a" + "nt-api03-", m.url(80))
    add("OpenRouter", "sk-o" + "r-v1-", m.hex(64))
    add("Groq", "gs" + "k_", m.word(52))
    add("Hugging Face", "h" + "f_", m.word(34))
    add("Google", "AI" + "za", m.url(35))
    add("Google OAuth, access", "ya" + "29.", m.url(80))
    add("Google OAuth, client", "GOC" + "SPX-", m.url(28))
    add("Google OAuth, refresh", "1/" + "/0", m.url(50))
    add("Nvidia", "nv" + "api-", m.url(60))
    add("Perplexity", "pp" + "lx-", m.word(48))
    add("Replicate", "r" + "8_", m.word(37))
    add("xAI", "xa" + "i-", m.word(70))
    add("Fireworks", "f" + "w_", m.word(24))
    add("Cerebras", "cs" + "k-", m.word(40))
    add("LangSmith", "lsv" + "2_pt_", m.hex(32), "_" + m.hex(10))
    add("AWS", "AK" + "IA", m.capitals(16))
    add("AWS, temporary", "AS" + "IA", m.capitals(16))
    add("AWS, secret", "aws_secret_access_key = ", m.base64(40))
    add("Bedrock", "AB" + "SK", m.base64(100))
    add("Azure OpenAI", "", m.word(52), "JQQ" + "J99B" + "A" + m.word(16) + "C" + m.word(7))
    add("Azure storage", "AccountName=x;AccountKey=", m.base64(86), "==;EndpointSuffix=core.windows.net")
    add("Azure, shared access", "https://x.example.net/b?sv=2022&sig=", m.word(40), "%3D&se=2030")
    add("Entra ID", "", m.word(3) + "8Q" + "~" + m.word(34))
    add("GitHub, classic", "gh" + "p_", m.word(36))
    add("GitHub, OAuth", "gh" + "o_", m.word(36))
    add("GitHub, app", "gh" + "s_", m.word(36))
    add("GitHub, refresh", "gh" + "r_", m.word(70))
    add("GitHub, fine-grained", "github" + "_pat_", m.word(22) + "_" + m.word(59))
    add("GitLab", "gl" + "pat-", m.url(20))
    add("GitLab, deploy", "gl" + "dt-", m.url(20))
    add("GitLab, runner", "gl" + "rt-", m.url(20))
    add("npm", "np" + "m_", m.word(36))
    add("PyPI", "py" + "pi-AgEIcHlwaS5vcmc", m.url(80))
    add("RubyGems", "ruby" + "gems_", m.hex(48))
    add("Docker", "dck" + "r_pat_", m.url(27))
    add("Slack, bot", "xo" + f"xb-{m.digits(12)}-{m.digits(12)}-", m.word(24))
    add("Slack, user", "xo" + f"xp-{m.digits(12)}-{m.digits(12)}-{m.digits(12)}-", m.hex(32))
    add("Slack, app", "xa" + f"pp-1-A{m.capitals(9)}-{m.digits(13)}-", m.hex(64))
    add(
        "Slack, webhook",
        "https://hooks.slack" + ".com/services/T" + m.capitals(8) + "/B" + m.capitals(8) + "/",
        m.word(24),
    )
    add(
        "Discord, webhook",
        "https://discord" + ".com/api/web" + "hooks/" + m.digits(18) + "/",
        m.word(60) + m.url(8),
    )
    add("Stripe, live", "sk" + "_live_", m.word(24))
    add("Stripe, test", "sk" + "_test_", m.word(90))
    add("Stripe, restricted", "rk" + "_live_", m.word(24))
    add("Stripe, webhook", "whs" + "ec_", m.word(32))
    add("SendGrid", "S" + "G." + m.word(22) + ".", m.url(43))
    add("Mailgun", "ke" + "y-", m.hex(32))
    add("Mailchimp", "", m.hex(32), "-us" + "12")
    add("DigitalOcean", "do" + "p_v1_", m.hex(64))
    add("DigitalOcean, OAuth", "do" + "o_v1_", m.hex(64))
    add("Telegram", m.digits(10) + ":A", "A" + m.url(33))
    add("Twilio", "S" + "K", m.hex(32))
    add("age", "AGE-SEC" + "RET-KEY-1", m.capitals(58))
    add("Vault", "hv" + "s.", m.url(90))
    add("Databricks", "da" + "pi", m.hex(32))
    add("Shopify", "shp" + "at_", m.hex(32))
    add("Square", "sq0" + "atp-", m.url(22))
    add("Linear", "lin" + "_api_", m.word(40))
    add("Notion", "nt" + "n_", m.digits(11) + m.word(35))
    add("Doppler", "dp" + ".pt.", m.word(43))
    add("Grafana", "gls" + "a_", m.word(32), "_" + m.hex(8))
    add("Postman", "PM" + "AK-" + m.hex(24) + "-", m.hex(34))
    add("Pulumi", "pu" + "l-", m.hex(40))
    add("Terraform", m.word(14) + ".atlas" + "v1.", m.url(64))
    add("Supabase", "sb" + "p_", m.hex(40))
    add("JSON web token", "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.", m.url(43))
    basic = base64.b64encode(f"someone:{m.word(14)}".encode()).decode().rstrip("=")
    add("Basic", "Authorization: Basic ", basic)
    add("Bearer", "authorization: Bearer ", m.word(32))
    add("Token", "Authorization: Token ", m.hex(40))
    add("key in a header", "x-api-key: ", m.word(32))
    add("cookie", "Cookie: sessionid=", m.word(32))
    add("PostgreSQL", "postgres://app:", m.word(12), "@db.example.com:5432/x")
    add("MongoDB", "mongodb+srv://someone:", m.word(14), "@c0.example.net/")
    add("Redis", "redis://:", m.word(16), "@cache:6379/0")
    add("MySQL", "mysql+pymysql://root:", "S3cr3t!" + m.word(5), "@h/x")
    add("password in JSON", '{"user": "bob", "password": "', m.word(10), '"}')
    add("passwd in JSON", '{"passwd":"', m.word(8), '"}')
    add("key in Python", "extra={'api_key': '", m.word(20), "'}")
    add("secret in YAML", 'client_secret: "', m.word(20), '"')
    add("password in YAML", "password: ", m.word(12))
    add("variable", "DB_PASSWORD=", m.word(12))
    add("key in an address", "GET /v1?api_key=", m.word(20), "&x=1")
    add("token in an address", "https://h.example/x?access_token=", m.word(30))
    add("option", "deploy --password ", m.word(12))
    add("element", "<password>", m.word(11), "</password>")
    add("curl", "curl -u bob:", m.word(12), " https://h.example/")
    add(".netrc", "machine h login bob password ", m.word(12))
    add("Hugging Face, OAuth", "h" + "f_oauth_", m.word(40))
    add("CircleCI", "CCI" + f"PAT_{m.word(22)}_", m.hex(40))
    add("Buildkite", "bk" + "ua_", m.hex(40))
    add("Okta", "Authorization: SSWS ", m.word(42))
    add("Splunk", "Authorization: Splunk ", m.uuid())
    add("Datadog", "DD-APPLICATION-KEY: ", m.hex(40))
    add("Fastly", "Fastly-Key: ", m.word(32))
    add("HTTPie", "http -a bob:", m.word(15), " GET https://h.example/x")
    add("sshpass", "sshpass -p ", m.word(14), " ssh bob@h")
    add("redis-cli", "redis-cli -a ", m.word(16), " ping")
    add("said in a sentence", "My password is ", m.word(12), ", please keep it.")
    for kind in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"):
        block = m.key_block(kind)
        found[kind] = (block, block.splitlines()[1:-1])
    packed = base64.b64encode(m.key_block("RSA PRIVATE KEY").encode()).decode()
    found["private key as base64"] = (f"client-key-data: {packed}", [packed[30:-30]])
    return found


# Innocent texts

WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "make like him into time has look two more write go see number no way could people my than first water been call "
    "may part key token secret password pass author auth keyboard authorization credential monkey basic bearer access"
)
CODE = (
    'api_key = os.environ["OPENAI_API_KEY"]',
    'password = getpass.getpass("Password: ")',
    "def login(user: str, password: str) -> Token:\n    return client.auth(user, password)",
    "token = tokenizer.encode(text)[0]",
    "const token = await getToken(user.id);",
    'headers = {"Authorization": f"Bearer {token}"}',
    'curl -H "Authorization: Bearer $TOKEN" https://api.example.com/v1',
    "client = OpenAI(api_key=settings.openai_api_key)",
    "secret = secrets.token_hex(16)",
    'if (!user.password) throw new Error("password: required");',
    'key = "name"; value = data[key]',
    'max_tokens=4096, temperature=0.7, stop_token="</s>"',
    '{"token": "Hello", "logprob": -0.31, "bytes": [72, 101]}',
    "password: process.env.DB_PASSWORD,",
    'SECRET_KEY = env("DJANGO_SECRET_KEY")',
    "api-key: ${{ secrets.API_KEY }}",
    '<input type="password" name="password" placeholder="Password" required>',
    'for key, value in mapping.items(): print(f"{key}: {value}")',
    '"properties": {"password": {"type": "string", "minLength": 8}}',
    'raise ValueError("token: must be a string of at least 8 characters")',
    'assert response.headers["x-api-key"] is None',
    "git clone https://github.com/user/repo.git && cd repo-1.2.3",
    "token = self.tokens[i1]; key = keys2[j]",
    "passwd -l root; cat /etc/passwd | grep bash",
    "auth=HTTPBasicAuth(user, pwd)",
    'let apiKey = config.get("apiKey")',
    "password=password1, token=token2",
    "SELECT token, key FROM sessions WHERE password = ?",
    "user.setPassword(passwordEncoder.encode(request.getPassword1()));",
    'fetch(url, {credentials: "same-origin", mode: "cors"})',
    "primary_key=True, sort_key='created_at', cache_key=f'user:{user_id}'",
    '"usage": {"prompt_tokens": 1234, "completion_tokens": 567, "total_tokens": 1801}',
    'next_page_token = response.get("nextPageToken")',
    "pass: 12, fail: 3, tests/test_password_reset_2.py::test_token_expired1",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 user@host",
    "postgres://user:password@localhost:5432/db",
    "https://example.com/search?q=forgot+password&page=2",
    "signature = hmac.new(key, msg, hashlib.sha256).hexdigest()",
    '@click.password_option("--password", help="Password.")',
)


def innocents(seed: int) -> dict[str, Callable[[], str]]:
    """By kind: what makes another text of the kind."""
    m = Maker(seed)
    pick = m.random.choice
    number = m.random.randint

    def prose(n: int) -> str:
        return " ".join(m.random.choices(WORDS.split(), k=n))

    return {
        "commit": lambda: f"commit {m.hex(40)}\nAuthor: Bob\n\n    {prose(8)}",
        "sum": lambda: (
            f'{pick(("etag", "checksum", "hash", "digest", "md5"))}: "{m.hex(pick((32, 40, 64)))}"'
        ),
        "image id": lambda: f"sha256:{m.hex(64)} {m.hex(32)}  file-{number(1, 99)}.bin",
        "integrity": lambda: '"integrity": "sha512-' + base64.b64encode(m.bytes(64)).decode() + '"',
        "uuid": lambda: f"request {m.uuid()} {prose(5)}, " + json.dumps({"id": m.uuid(), "parent": m.uuid()}),
        "png": lambda: (
            "data:image/png;base64,iVBORw0KGgo" + base64.b64encode(m.bytes(number(200, 2000))).decode()
        ),
        "jpeg": lambda: (
            '<img src="data:image/jpeg;base64,/9j/4AAQ' + base64.b64encode(m.bytes(999)).decode() + '">'
        ),
        "zeros": lambda: base64.b64encode(m.bytes(40) + bytes(number(10, 90)) + m.bytes(200)).decode(),
        "base64 of addresses": lambda: (
            base64.urlsafe_b64encode(m.bytes(number(20, 400))).decode().rstrip("=")
        ),
        "order": lambda: (
            f"Order {pick(('#', 'no. '))}{pick(('SK', 'AC', 'ORD-', 'INV-', 'PO', 'API-', 'DE'))}"
            f"{number(10**6, 10**14)} ships {prose(4)}"
        ),
        "parcel": lambda: (
            f"1Z{m.capitals(16)}, IBAN DE{m.digits(20)}, card 4111 1111 1111 {number(1000, 9999)}"
        ),
        "prose": lambda: prose(number(20, 80)).capitalize() + ".",
        "marks": lambda: f'{prose(3)}: {prose(5)}; {prose(2)} = {prose(2)}, "{prose(3)}" - {prose(3)}',
        "code": lambda: pick(CODE),
        "code in prose": lambda: prose(5) + "\n```\n" + "\n".join(m.random.choices(CODE, k=2)) + "\n```",
        "wheel": lambda: f"package-name-{number(0, 9)}.{number(0, 20)}-py3-none-any.whl {m.hex(8)}",
        "asset": lambda: f"https://cdn.example.org/assets/{m.hex(20)}/{m.word(11)}.min.js?v={m.hex(8)}",
        "object": lambda: f"s3://bucket/{m.hex(8)}/year=2024/part-{number(0, 99999):05d}-{m.uuid()}.parquet",
        "answer": lambda: json.dumps(
            {"id": f"chatcmpl-{m.word(29)}", "system_fingerprint": f"fp_{m.hex(10)}"}
        ),
        "call": lambda: json.dumps({"id": f"msg_01{m.word(22)}", "call": f"call_{m.word(24)}"}),
        "trace": lambda: f"traceparent: 00-{m.hex(32)}-{m.hex(16)}-01 0x{m.hex(40)}",
        "log": lambda: (
            f"2024-11-29T12:30:{number(10, 59)}.{m.digits(6)}Z level=info ms={m.digits(3)} key={pick(WORDS.split())}"
        ),
    }
