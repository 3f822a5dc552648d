"""Code for the SDKs of each protocol. What stands in ‹› is filled in with the key, the server and a feature."""

from typing import NamedTuple

from tenants.roles import Kind

UNKNOWN = "my-feature"
SECRET = (Kind.SERVER, Kind.MANAGE)
PUBLIC = (Kind.CLIENT,)
ANY = (*PUBLIC, *SECRET)


class Code(NamedTuple):
    """A program, and the kinds of keys that it is for; `is_local` where it decides by itself."""

    title: str
    kinds: tuple[Kind, ...]
    code: str
    is_local: bool = False


SNIPPETS: dict[str, tuple[Code, ...]] = {
    "ofrep": (
        Code(
            "Python",
            ANY,
            """
# pip install openfeature-sdk openfeature-provider-ofrep
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

api.set_provider(OFREPProvider("‹BASE›", headers_factory=lambda: {"X-API-Key": "‹KEY›"}))
client = api.get_client()
client.get_boolean_value("‹FEATURE›", False, EvaluationContext("user-1", {"country": "DE"}))
""",
        ),
        Code(
            "Node",
            SECRET,
            """
// npm install @openfeature/server-sdk @openfeature/ofrep-provider
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";

const provider = new OFREPProvider({ baseUrl: "‹BASE›", headers: [["X-API-Key", "‹KEY›"]] });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
await client.getBooleanValue("‹FEATURE›", false, { targetingKey: "user-1", country: "DE" });
""",
        ),
        Code(
            "JavaScript in browsers",
            PUBLIC,
            """
// npm install @openfeature/web-sdk @openfeature/ofrep-web-provider
import { OpenFeature } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";

await OpenFeature.setContext({ targetingKey: "user-1", country: "DE" });
const provider = new OFREPWebProvider({ baseUrl: "‹BASE›", headers: [["X-API-Key", "‹KEY›"]] });
await OpenFeature.setProviderAndWait(provider);
OpenFeature.getClient().getBooleanValue("‹FEATURE›", false);
""",
        ),
    ),
    "go_feature_flag": (
        Code(
            "Python, deciding locally",
            SECRET,
            """
# pip install openfeature-sdk gofeatureflag-python-provider
from gofeatureflag_python_provider.options import GoFeatureFlagOptions
from gofeatureflag_python_provider.provider import GoFeatureFlagProvider
from openfeature import api
from openfeature.evaluation_context import EvaluationContext

api.set_provider(GoFeatureFlagProvider(options=GoFeatureFlagOptions(endpoint="‹BASE›", api_key="‹KEY›")))
client = api.get_client()
client.get_boolean_value("‹FEATURE›", False, EvaluationContext("user-1", {"country": "DE"}))
""",
            is_local=True,
        ),
        Code(
            "Node",
            SECRET,
            """
// npm install @openfeature/server-sdk @openfeature/go-feature-flag-provider
import { OpenFeature } from "@openfeature/server-sdk";
import { GoFeatureFlagProvider } from "@openfeature/go-feature-flag-provider";

await OpenFeature.setProviderAndWait(new GoFeatureFlagProvider({ endpoint: "‹BASE›", apiKey: "‹KEY›" }));
const client = OpenFeature.getClient();
await client.getBooleanValue("‹FEATURE›", false, { targetingKey: "user-1", country: "DE" });
""",
        ),
        Code(
            "JavaScript in browsers",
            PUBLIC,
            """
// npm install @openfeature/web-sdk @openfeature/go-feature-flag-web-provider
import { OpenFeature } from "@openfeature/web-sdk";
import { GoFeatureFlagWebProvider } from "@openfeature/go-feature-flag-web-provider";

await OpenFeature.setContext({ targetingKey: "user-1", country: "DE" });
await OpenFeature.setProviderAndWait(new GoFeatureFlagWebProvider({ endpoint: "‹BASE›", apiKey: "‹KEY›" }));
OpenFeature.getClient().getBooleanValue("‹FEATURE›", false);
""",
        ),
    ),
    "flagsmith": (
        Code(
            "Python, deciding locally",
            SECRET,
            """
# pip install flagsmith
from flagsmith import Flagsmith

client = Flagsmith(environment_key="‹KEY›", api_url="‹BASE›/api/v1/", enable_local_evaluation=True)
flags = client.get_identity_flags("user-1", {"country": "DE"})
flags.is_feature_enabled("‹FEATURE›"), flags.get_feature_value("‹FEATURE›")
""",
            is_local=True,
        ),
        Code(
            "Python",
            ANY,
            """
# pip install flagsmith
from flagsmith import Flagsmith

client = Flagsmith(environment_key="‹KEY›", api_url="‹BASE›/api/v1/")
flags = client.get_identity_flags("user-1", {"country": "DE"})
flags.is_feature_enabled("‹FEATURE›"), flags.get_feature_value("‹FEATURE›")
""",
        ),
        Code(
            "Node, deciding locally",
            SECRET,
            """
// npm install flagsmith-nodejs
import { Flagsmith } from "flagsmith-nodejs";

const client = new Flagsmith({ environmentKey: "‹KEY›", apiUrl: "‹BASE›/api/v1/", enableLocalEvaluation: true });
const flags = await client.getIdentityFlags("user-1", { country: "DE" });
flags.isFeatureEnabled("‹FEATURE›");
""",
            is_local=True,
        ),
        Code(
            "JavaScript in browsers",
            PUBLIC,
            """
// npm install flagsmith
import flagsmith from "flagsmith";

await flagsmith.init({ environmentID: "‹KEY›", api: "‹BASE›/api/v1/", identity: "user-1", traits: { country: "DE" } });
flagsmith.hasFeature("‹FEATURE›");
""",
        ),
    ),
    "growthbook": (
        Code(
            "Python, deciding locally",
            ANY,
            """
# pip install growthbook
from growthbook import GrowthBook

client = GrowthBook(
    api_host="‹BASE›",
    client_key="‹KEY›",‹DECRYPTION›
    attributes={"id": "user-1", "country": "DE"},
)
client.load_features()
client.is_on("‹FEATURE›")
""",
            is_local=True,
        ),
        Code(
            "JavaScript, deciding locally",
            ANY,
            """
// npm install @growthbook/growthbook
import { GrowthBook } from "@growthbook/growthbook";

const client = new GrowthBook({
  apiHost: "‹BASE›",
  clientKey: "‹KEY›",‹decryptionKey›
  attributes: { id: "user-1", country: "DE" },
});
await client.init({ streaming: true });
client.isOn("‹FEATURE›");
""",
            is_local=True,
        ),
        Code(
            "JavaScript, the server decides",
            ANY,
            """
// npm install @growthbook/growthbook
import { GrowthBook } from "@growthbook/growthbook";

const attributes = { id: "user-1", country: "DE" };
const client = new GrowthBook({ apiHost: "‹BASE›", clientKey: "‹KEY›", remoteEval: true, attributes });
await client.init();
client.isOn("‹FEATURE›");
""",
        ),
    ),
    "abetterchoice": (
        Code(
            "Python",
            (Kind.SIGNING,),
            """
# pip install httpx
from hashlib import md5
from time import time

import httpx

name, token, moment = "‹SIGNER›", "‹KEY›", str(int(time()))
signature = md5((token + name + moment).encode()).hexdigest()
headers = {"X-Ak": name, "X-Et": moment, "X-Es": signature}
body = {"project_id": "‹PROJECT›", "unit_id": "user-1", "feature_names": ["‹FEATURE›"]}
httpx.post("‹BASE›/abc/get_feature_flags", json=body, headers=headers).json()["data"]
""",
        ),
        Code(
            "Node",
            (Kind.SIGNING,),
            """
import { createHash } from "node:crypto";

const [name, token, moment] = ["‹SIGNER›", "‹KEY›", String(Math.floor(Date.now() / 1000))];
const signature = createHash("md5").update(token + name + moment).digest("hex");
const answer = await fetch("‹BASE›/abc/get_feature_flags", {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Ak": name, "X-Et": moment, "X-Es": signature },
  body: JSON.stringify({ project_id: "‹PROJECT›", unit_id: "user-1", feature_names: ["‹FEATURE›"] }),
});
(await answer.json()).data;
""",
        ),
    ),
}
