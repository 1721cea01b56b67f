"""The shapes of secrets with a recognisable form, one row for each kind.

To add a kind: every secret of the kind contains one of the `anchors`, `offset` characters after its beginning;
`pattern` matches the secret from its beginning. Group 1, if there is one, is the secret. The pattern takes linear time
if its repetitions are possessive (`++`) or bounded; it is compiled when the first text contains an anchor.

Sources: the rules of gitleaks (config/gitleaks.toml, July 2026) and the plugins of detect-secrets 1.5, the identifiable
keys of Microsoft's security-utilities, and the vendors' own pages. These patterns are shorter: a part of a key is a
secret, too, so lengths are lower bounds. A library was not fast enough: detect-secrets takes 44 ms for a message of 900
characters, while a whole reply is replayed in 1 ms, and it knows a third of these kinds.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

# Characters that are not before a key: inside a longer word, or inside base64, the same letters are chance.
WORD = frozenset(string.ascii_letters + string.digits)
BASE64 = WORD | frozenset("+/_-")
ANYTHING: frozenset[str] = frozenset()
DIGITS = frozenset(string.digits)


# The smallest length of all shapes in one word, up to the first space or quote after their anchor.
SHORTEST_SHAPE = 14
# The sign of the shapes that have a word of that length.
LONG_WORD = ""


class Span(NamedTuple):
    """The position of a secret in a text, and its name."""

    start: int
    end: int
    name: str


class Shape:
    """One kind of secret; `led_by` extends a match to the left, and `check` decides whether it is a secret.

    So that few shapes need to be searched, a shape of one word has its `shortest` length if its anchors are frequent,
    and a shape of several words a `sign`: a rare part of its anchors, or `LONG_WORD` if it has one before a quote.
    """

    def __init__(
        self,
        *anchors: str,
        pattern: str,
        not_after: frozenset[str] = WORD,
        offset: int = 0,
        led_by: frozenset[str] = ANYTHING,
        check: Callable[[str], bool] | None = None,
        shortest: int = SHORTEST_SHAPE,
        sign: str | None = None,
    ) -> None:
        self.anchors = anchors
        self.shortest = shortest
        self.sign = sign
        self._pattern = pattern
        self._not_after = not_after
        self._offset = offset
        self._led_by = led_by
        self._check = check

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern)

    def spans(self, text: str, anchor: str) -> Iterator[Span]:
        """Every secret of this kind in `text` with this anchor."""
        at = text.find(anchor)
        while at >= 0:
            start, goes_on = at - self._offset, at + 1
            if start >= 0 and self._may_begin(text, start):
                found = self._compiled.match(text, start)
                if found:
                    group = 1 if found.re.groups else 0
                    if self._check is None or self._check(found[group]):
                        yield Span(self._lead(text, found.start(group)), found.end(group), "key")
                    goes_on = max(goes_on, found.end())
            at = text.find(anchor, goes_on)

    def _may_begin(self, text: str, start: int) -> bool:
        if text[start - 1 : start] not in self._not_after:
            return True
        return _COLOUR_BEFORE.search(text, max(0, start - 16), start) is not None

    def _lead(self, text: str, start: int) -> int:
        while start > 0 and text[start - 1] in self._led_by:
            start -= 1
        return start


_COLOUR_BEFORE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]$")


def is_random(text: str) -> bool:
    """Whether a text contains a part that is not a word: many letters and digits in a row, or fewer that are mixed."""
    return re.search(r"[A-Za-z0-9]{16}|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{8}", text) is not None


def _is_user_and_password(encoded: str) -> bool:
    """Whether a text is the base64 of `user:password`; "basic understanding" is not."""
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded and decoded.isascii() and decoded.decode("ascii").isprintable()


def _is_no_word(text: str) -> bool:
    return re.search(r"[A-Z0-9]", text) is not None


def _is_no_hyphenated_word(text: str) -> bool:
    return re.search(r"[A-Z0-9]|[a-z]{16}", text) is not None


def _is_packed_private_key(encoded: str) -> bool:
    """Whether base64 that begins like a PEM block is that of a private key, not of a certificate."""
    return b"PRIVATE KEY" in base64.b64decode(encoded[:44])


_PRIVATE_KEY = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"

SHAPES = (
    # Models
    Shape(
        "sk-", pattern=r"sk-[A-Za-z0-9_-]{16,}+", check=_is_no_hyphenated_word
    ),  # OpenAI, Anthropic, OpenRouter, DeepSeek, ...
    Shape(
        *("sk-proj-", "sk-ant-", "sk-or-", "sk-svcacct-", "sk-admin-"),
        pattern=r"sk-(?:proj|ant|or|svcacct|admin)-[A-Za-z0-9_-]{16,}+",
        not_after=ANYTHING,
    ),
    Shape("csk-", pattern=r"csk-[A-Za-z0-9]{20,}+"),  # Cerebras
    Shape("sess-", pattern=r"sess-[A-Za-z0-9]{32,}+"),  # OpenAI, of a browser
    Shape("AIza", pattern=r"AIza[A-Za-z0-9_-]{30,}+"),  # Google
    Shape("AQ.Ab", pattern=r"AQ\.Ab[A-Za-z0-9_-]{30,}+", not_after=BASE64),  # Google, bound to an account
    Shape("gsk_", pattern=r"gsk_[A-Za-z0-9]{20,}+"),  # Groq
    Shape("hf_", "api_org_", pattern=r"(?:hf(?:_oauth)?|api_org)_[A-Za-z0-9]{20,}+"),  # Hugging Face
    Shape("nvapi-", pattern=r"nvapi-[A-Za-z0-9_-]{20,}+"),  # Nvidia
    Shape("pplx-", pattern=r"pplx-[A-Za-z0-9]{20,}+"),  # Perplexity
    Shape("r8_", pattern=r"r8_[A-Za-z0-9]{30,}+"),  # Replicate
    Shape("xai-", pattern=r"xai-[A-Za-z0-9]{20,}+"),  # xAI
    Shape("fw_", pattern=r"fw_[A-Za-z0-9]{20,}+"),  # Fireworks
    Shape("tgp_v1_", pattern=r"tgp_v1_[A-Za-z0-9_-]{20,}+"),  # Together
    Shape("jina_", pattern=r"jina_[A-Za-z0-9_-]{32,}+"),
    Shape("pa-", pattern=r"pa-[A-Za-z0-9_-]{40,}+", check=is_random),  # Voyage
    Shape("tvly-", pattern=r"tvly-[A-Za-z0-9-]{16,}+", check=is_random),  # Tavily
    Shape("pcsk_", pattern=r"pcsk_[A-Za-z0-9_]{30,}+"),  # Pinecone
    Shape("lsv2_", pattern=r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{32,}+"),  # LangSmith
    Shape("e2b_", pattern=r"e2b_[a-f0-9]{32,}+"),
    Shape("LTAI", pattern=r"LTAI[A-Za-z0-9]{12,24}+(?![A-Za-z0-9+/=])", not_after=BASE64),  # Alibaba
    # Clouds
    Shape(
        *("A3T", "AKIA", "ASIA", "ABIA", "ACCA"),
        pattern=r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9+/=])",
        not_after=BASE64,
    ),  # AWS
    Shape("AWS4-HMAC", pattern=r"AWS4-HMAC-SHA256 Credential=[^\"\n]{8,1000}+"),
    Shape("ABSK", pattern=r"ABSK[A-Za-z0-9+/]{30,}+=*", not_after=BASE64),  # Bedrock, long-lived
    Shape("bedrock-api-key-", pattern=r"bedrock-api-key-[A-Za-z0-9+/=_-]{20,}+"),  # Bedrock, short-lived
    Shape("ya29.", pattern=r"ya29\.[A-Za-z0-9_-]{20,}+"),  # Google OAuth, access
    Shape("1//0", pattern=r"1//0[A-Za-z0-9_-]{30,}+", not_after=BASE64),  # Google OAuth, refresh
    Shape("GOCSPX-", pattern=r"GOCSPX-[A-Za-z0-9_-]{20,}+"),  # Google OAuth, client
    Shape("JQQJ9", pattern=r"[A-Za-z0-9]{52}JQQJ9[9DH][A-Za-z0-9]{20,40}+=*", offset=52),  # Azure, since 2024
    Shape("AZDO", pattern=r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])", offset=76),  # Azure DevOps
    Shape("Q~", pattern=r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}+", offset=4),  # Entra ID
    Shape(
        *("AccountKey=", "SharedAccessKey="),
        pattern=r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/%]{20,}+=*)",
    ),
    Shape("SharedAccessSignature", pattern=r"SharedAccessSignature[= ]([^\s\"';]{20,}+)"),
    Shape("dop_v1_", "doo_v1_", "dor_v1_", pattern=r"do[opr]_v1_[A-Za-z0-9]{20,}+"),  # DigitalOcean
    Shape("v1.0-", pattern=r"v1\.0-[a-f0-9]{24}-[a-f0-9]{20,}+"),  # Cloudflare, origin CA
    Shape("dapi", pattern=r"dapi[a-f0-9]{32}(?:-[0-9])?"),  # Databricks
    Shape("HRKU-", pattern=r"HRKU-[A-Za-z0-9_-]{30,}+"),  # Heroku
    Shape("fo1_", "fm1r_", "fm1a_", "fm2_", pattern=r"f(?:o1|m1[ar]|m2)_[A-Za-z0-9+/_-]{40,}+=*"),  # Fly
    Shape("nfp_", pattern=r"nfp_[A-Za-z0-9]{30,}+"),  # Netlify
    Shape("sbp_", "sb_secret_", pattern=r"(?:sbp|sb_secret)_[A-Za-z0-9_-]{20,}+"),  # Supabase
    Shape("pscale_", pattern=r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,}+"),  # PlanetScale
    Shape("AQVN", pattern=r"AQVN[A-Za-z0-9_-]{35,}+", not_after=BASE64),  # Yandex
    Shape("t1.", pattern=r"t1\.[A-Za-z0-9_-]{1,200}+=*\.[A-Za-z0-9_-]{60,}+=*", not_after=BASE64),
    Shape("4b1d", pattern=r"4b1d[A-Za-z0-9]{38}(?![A-Za-z0-9])"),  # ClickHouse
    # Code and packages
    Shape(
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        pattern=r"gh[pousr]_[A-Za-z0-9]{30,}+(?:[._-][A-Za-z0-9_-]++)*+",
        not_after=ANYTHING,
    ),  # GitHub
    Shape("github_pat_", pattern=r"github_pat_[A-Za-z0-9_]{30,}+"),
    Shape(
        *("glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-"),
        *("glsoat-", "glffct-", "glwt-"),
        pattern=r"gl(?:pat|dt|rtr?|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_-]{16,}+(?:\.[A-Za-z0-9_-]++)*+",
    ),  # GitLab
    Shape("GR1348941", pattern=r"GR1348941[A-Za-z0-9_-]{16,}+"),
    Shape("_gitlab_session=", pattern=r"_gitlab_session=([0-9a-zA-Z]{20,}+)"),
    Shape("npm_", pattern=r"npm_[A-Za-z0-9]{30,}+"),
    Shape("_authToken=", pattern=r"_authToken=([^\s\"'${]{8,}+)", not_after=ANYTHING),  # .npmrc
    Shape("pypi-AgE", pattern=r"pypi-AgE[A-Za-z0-9_-]{30,}+"),
    Shape("rubygems_", pattern=r"rubygems_[a-f0-9]{40,}+"),
    Shape("cio", pattern=r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])", check=_is_no_word),  # crates.io
    Shape("CLOJARS_", "clojars_", pattern=r"(?:CLOJARS|clojars)_[A-Za-z0-9]{50,}+"),
    Shape("oy2", pattern=r"oy2[a-z0-9]{43}(?![a-z0-9])"),  # NuGet
    Shape("dckr_", pattern=r"dckr_[po]at_[A-Za-z0-9_-]{20,}+"),  # Docker
    Shape("AKCp", "cmVmd", pattern=r"(?:AKCp|cmVmd)[A-Za-z0-9]{55,100}+(?![A-Za-z0-9+/=])", not_after=BASE64),
    Shape("ATATT3", "ATCTT3", "ATBB", pattern=r"AT(?:[AC]TT3|BB)[A-Za-z0-9_=-]{20,}+", not_after=BASE64),
    Shape("CCIPAT_", "CCIPRJ_", pattern=r"CCIP(?:AT|RJ)_[A-Za-z0-9]{8,}+_[a-f0-9]{30,}+"),  # CircleCI
    Shape("bkua_", "bkct_", pattern=r"bk(?:ua|ct)_[a-f0-9]{30,}+"),  # Buildkite
    Shape("sntrys_", "sntryu_", pattern=r"sntry[su]_[A-Za-z0-9+/=_-]{40,}+"),  # Sentry
    Shape("sgp_", pattern=r"sgp_(?:[A-Za-z0-9]{5,16}_)?[A-Za-z0-9]{40}"),  # Sourcegraph
    Shape("figd_", pattern=r"figd_[A-Za-z0-9_-]{30,}+"),  # Figma
    Shape("lin_api_", "lin_oauth_", pattern=r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}+"),  # Linear
    Shape("ntn_", pattern=r"ntn_[A-Za-z0-9]{40,}+"),  # Notion
    Shape("secret_", pattern=r"secret_[A-Za-z0-9]{43}(?![A-Za-z0-9])"),  # Notion, older
    Shape("PMAK-", pattern=r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),  # Postman
    Shape("pnu_", pattern=r"pnu_[A-Za-z0-9]{36}"),  # Prefect
    Shape("pul-", pattern=r"pul-[a-f0-9]{40}"),  # Pulumi
    Shape("dp.", pattern=r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,}+"),  # Doppler
    Shape("hvs.", "hvb.", "hvr.", pattern=r"hv[sbr]\.[A-Za-z0-9_-]{20,}+"),  # Vault
    Shape(".atlasv1.", pattern=r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}+", offset=14),  # Terraform
    Shape("glc_", "glsa_", pattern=r"gl(?:c|sa)_[A-Za-z0-9+/_]{32,}+=*"),  # Grafana
    Shape("NRAK-", "NRJS-", "NRII-", pattern=r"NR(?:AK|JS|II)-[A-Za-z0-9-]{19,}+"),  # New Relic
    Shape("dt0", pattern=r"dt0[a-z][0-9]{2}\.[A-Za-z0-9]{20,}+\.[A-Za-z0-9]{40,}+"),  # Dynatrace
    Shape("API-", pattern=r"API-[A-Z0-9]{26}(?![A-Za-z0-9])"),  # Octopus Deploy
    Shape("ico-", pattern=r"ico-[A-Za-z0-9]{32}(?![A-Za-z0-9])"),  # Infracost
    Shape("rdme_", pattern=r"rdme_[a-z0-9]{60,}+"),  # ReadMe
    Shape("pat.", "sat.", pattern=r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),  # Harness
    # Money, mail and messages
    Shape("sk_", "rk_", pattern=r"[sr]k_(?:test|live|prod)_[A-Za-z0-9_]{10,}+"),  # Stripe
    Shape("sk_", pattern=r"sk_[a-f0-9]{40,}+"),  # ElevenLabs
    Shape("whsec_", pattern=r"whsec_[A-Za-z0-9+/]{20,}+=*"),  # webhooks of Stripe and others
    Shape("SG.", pattern=r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+"),  # SendGrid
    Shape("xkeysib-", "xsmtpsib-", pattern=r"x(?:key|smtp)sib-[a-f0-9]{40,}+-[A-Za-z0-9]{8,}+"),  # Brevo
    Shape("key-", "pubkey-", pattern=r"(?:pub)?key-[a-f0-9]{32}(?![A-Za-z0-9])"),  # Mailgun
    Shape("-us", pattern=r"[a-f0-9]{32}-us[0-9]{1,2}(?![A-Za-z0-9])", offset=32),  # Mailchimp
    Shape("sq0", pattern=r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,}+"),  # Square
    Shape(
        "EAAA", pattern=r"EAAA[A-Za-z0-9_-]{40,60}+(?![A-Za-z0-9+/=])", not_after=BASE64, check=_is_no_word
    ),
    Shape("EAAC", "EAAM", pattern=r"EAA[CM][A-Za-z0-9]{100,}+(?![+/=])", not_after=BASE64),  # Facebook
    Shape("shpat_", "shpca_", "shppa_", "shpss_", pattern=r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{24,}+"),  # Shopify
    Shape("shippo_", pattern=r"shippo_(?:live|test)_[a-fA-F0-9]{30,}+"),
    Shape("duffel_", pattern=r"duffel_(?:test|live)_[A-Za-z0-9_=-]{30,}+"),
    Shape("FLWSECK", pattern=r"FLWSECK(?:_TEST)?-[A-Za-z0-9-]{12,}+"),  # Flutterwave
    Shape("EZAK", "EZTK", pattern=r"EZ[AT]K[A-Za-z0-9]{54}(?![A-Za-z0-9+/=])", not_after=BASE64),  # EasyPost
    Shape(
        *("xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.", "xoxc-", "xoxd-", "xapp-"),
        pattern=r"(?:xox[abceoprsd][.-]|xapp-)[A-Za-z0-9%.-]{10,}+",
    ),  # Slack
    Shape(
        "hooks.slack.com",
        pattern=r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,}+)",
    ),
    Shape(
        "/api/webhooks/", pattern=r"/api/webhooks/([0-9]{10,}+/[A-Za-z0-9_-]{30,}+)", not_after=ANYTHING
    ),  # Discord
    Shape(
        "webhook.office.com",
        pattern=r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/_-]{40,}+)",
        not_after=ANYTHING,
    ),  # Teams
    Shape(
        ":AA", pattern=r"(?<=[0-9]{5}):AA[A-Za-z0-9_-]{30,}+", not_after=ANYTHING, led_by=DIGITS
    ),  # Telegram
    Shape("SK", "AC", pattern=r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),  # Twilio
    Shape(
        *("M", "N", "O"),
        pattern=r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}+",
        not_after=BASE64,
        check=is_random,
        shortest=59,
    ),  # Discord, bots
    Shape("pk.eyJ", "sk.eyJ", pattern=r"[sp]k\.eyJ[A-Za-z0-9_-]{20,}+\.[A-Za-z0-9_-]{16,}+"),  # Mapbox
    Shape("_mmk", pattern=r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", offset=36),  # MaxMind
    Shape("tfp_", pattern=r"tfp_[A-Za-z0-9_.=-]{40,}+"),  # Typeform
    Shape("CFPAT-", pattern=r"CFPAT-[A-Za-z0-9_-]{30,}+"),  # Contentful
    Shape("pat", pattern=r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,}+"),  # Airtable
    Shape("p8e-", pattern=r"p8e-[A-Za-z0-9]{32}"),  # Adobe
    Shape("A3-", pattern=r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    Shape("ops_eyJ", pattern=r"ops_eyJ[A-Za-z0-9+/=_-]{50,}+"),  # 1Password
    Shape("AGE-SECRET-KEY-", pattern=r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{30,}+"),
    # Common forms
    Shape(
        "eyJ",
        pattern=r"eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{6,}+(?:\.[A-Za-z0-9_-]*+){1,3}",
    ),  # JSON web tokens
)

# Shapes of several words, or of short ones.
SPACED_SHAPES = (
    Shape(
        *("Bearer", "bearer", "BEARER"),
        pattern=r"(?i:bearer)[ +]{1,4}([A-Za-z0-9._~+/-]{16,}+=*)",
        check=_is_no_word,
        sign=LONG_WORD,
    ),
    Shape(
        *("Basic", "basic", "BASIC"),
        pattern=r"(?i:basic)[ +]{1,4}([A-Za-z0-9+/_-]{8,}+=*)",
        check=_is_user_and_password,
    ),
    Shape(
        "-----BEGIN",
        pattern=rf"-----BEGIN {_PRIVATE_KEY}"
        rf"(?:(?:[^-]|-(?!----))*+-----END {_PRIVATE_KEY}"
        r"|(?:[A-Za-z0-9+/=]{16,}+|\s|\\+(?:[nr]|(?=\n))|(?:Proc-Type|DEK-Info): [^\n\\]*+)*+)",
        not_after=ANYTHING,
        sign="-",
    ),  # PEM, OpenSSH and PGP; the second form is a key that was cut off
    Shape(
        "LS0tLS1CRUdJTi",
        pattern=r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{30,}+(?:(?:\s|\\[nr]){1,20}+[A-Za-z0-9+/]{40,}+)*+"
        r"(?:(?:\s|\\[nr]){1,20}+[A-Za-z0-9+/]{2,}+=+)?=*",
        not_after=ANYTHING,
        check=_is_packed_private_key,
        sign=LONG_WORD,
    ),  # the same as base64, as in files for Kubernetes
    Shape(
        "Private-Lines: ",
        pattern=r"Private-Lines: [0-9]{1,4}(?:\s|\\[nr])++"
        r"(?:[A-Za-z0-9+/=]{1,100}+(?:\s|\\[nr])++){1,200}+(?:Private-MAC: \w++)?",
        not_after=ANYTHING,
        sign="-",
    ),  # PuTTY
    Shape(
        *("Cookie: ", "cookie: "),
        pattern=r"[Cc]ookie: ([\w.-]{1,60}=[^\s\"',;]{12,}+(?:; ?[\w.-]{1,60}=?[^\s\"',;]*+)*+)",
        not_after=ANYTHING,
        check=is_random,
        sign=LONG_WORD,
    ),
    Shape(
        *("assword is ", "assphrase is ", "asscode is ", "PI key is ", "pi key is ", "ecret is "),
        pattern=r"[\w ]{5,10} is ['\"`]?([^\s'\"`,;<>\\]{7,99}[^\s'\"`,;<>\\.!?])",
        not_after=ANYTHING,
        check=is_random,
        sign=" is ",
    ),  # said in a sentence
    Shape("sshpass ", pattern=r"sshpass [^\n]{0,100}?-p ?['\"]?([^\s'\"]{4,200}+)"),
    Shape("redis-cli ", pattern=r"redis-cli [^\n]{0,200}?(?:-a|--pass)[ =]['\"]?([^\s'\"]{4,200}+)"),
    Shape(
        *("http ", "https "),
        pattern=r"https? [^\n]{0,200}?(?:-a|--auth)[ =]['\"]?[^\s:'\"]{1,100}:([^\s'\"]{4,200}+)",
    ),  # HTTPie
    Shape("curl ", pattern=r"curl [^\n]{0,300}?(?:-u|--user)[ =]['\"]?[^\s:'\"]{1,100}:([^\s'\"]{4,200}+)"),
    Shape(
        "login ",
        pattern=r"login \S{1,100}+\s{1,10}+password (\S{4,200}+)",
        check=lambda found: not (found.isalpha() and (found.islower() or found.istitle())),
    ),  # .netrc
)
