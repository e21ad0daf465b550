package fingerprint

// The words the mask and the envelope know. All tables of this file are read-only.

// The slots of a template.
const (
	slotNumber = "<n>"
	slotTime   = "<time>"
	slotID     = "<id>"
	slotKey    = "<key>"
	slotHost   = "<host>"
	slotURL    = "<url>"
	slotPath   = "<path>"
	slotEmail  = "<email>"
	slotModel  = "<model>"
	slotValue  = "<value>"
	slotList   = "<list>"
)

// A run is a slot whose content has no shape (a model or user may be called
// anything, with spaces and line breaks), so it is known by the words around it.
type run struct {
	before string
	until  []string // the first of them ends it
	toEnd  bool     // none of them: it goes to the end of the text; else it is no run
	slot   string
}

var runs = []run{
	// LiteLLM's router and proxy, 1.67 to 1.106.
	{before: "passed in model=", until: []string{". There ", ". Call "}, toEnd: true, slot: slotModel},
	{before: "assed model=", until: []string{". "}, toEnd: true, slot: slotModel},
	{before: ". Tried to access ", until: []string{". "}, toEnd: true, slot: slotModel},
	{before: "Received=", until: []string{", expected"}, slot: slotKey},
	{before: "Received API Key = ", until: []string{", Key Hash"}, slot: slotKey},
	{before: "token passed. key=", until: []string{", not found"}, slot: slotKey},
	{before: "User=", until: identityEnds, slot: slotValue},
	{before: "Team=", until: identityEnds, slot: slotValue},
	{before: "Key=", until: identityEnds, slot: slotValue},
	{before: "Organization=", until: identityEnds, slot: slotValue},
	{before: "Tag=", until: identityEnds, slot: slotValue},
	{before: ", Model=", until: []string{". Allowed"}, slot: slotModel},
	{before: "exceeded for api_key: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for user: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for team: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for team_member: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for end_user: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for organization: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for model_per_key: ", until: limitEnds, slot: slotValue},
	{before: "exceeded for model_per_team: ", until: limitEnds, slot: slotValue},
	// Providers and HTTP clients.
	{before: "Rate limit reached for ", until: []string{" in organization", " on "}, slot: slotModel},
	{before: "API key provided: ", until: []string{". ", ".\n"}, toEnd: true, slot: slotKey},
	{before: "Invalid value: ", until: []string{". "}, toEnd: true, slot: slotValue},
	{before: " ssl:", until: []string{" ["}, slot: slotValue},
}

var (
	identityEnds = []string{" over budget", " over available", " Current cost", ", Model=", " is blocked", ". Create "}
	limitEnds    = []string{". Limit type"}
)

// What the next name or quoted value is, by the word before it.
const (
	contextNone = iota
	contextModel
	contextValue
	contextStatus // an HTTP status is a meaning, no number
	contextSame   // the word doesn't change it: "model name is …"
)

var contexts = map[string]int{
	"model": contextModel, "models": contextModel, "model_name": contextModel, "model_group": contextModel,
	"model_id": contextModel, "deployment": contextModel, "deployments": contextModel, "engine": contextModel,
	"checkpoint": contextModel,

	"user": contextValue, "users": contextValue, "team": contextValue, "organization": contextValue,
	"org": contextValue, "project": contextValue, "customer": contextValue, "tenant": contextValue,
	"account": contextValue, "workspace": contextValue, "alias": contextValue, "tool": contextValue,
	"function": contextValue, "file": contextValue, "region": contextValue, "tag": contextValue,
	"voice": contextValue, "language": contextValue, "tier": contextValue, "got": contextValue,
	"received": contextValue,

	"status": contextStatus, "status_code": contextStatus, "code": contextStatus, "http": contextStatus,

	"name": contextSame, "id": contextSame, "named": contextSame, "called": contextSame, "is": contextSame,
}

// modelFamilies begin the names of models, after any "provider/". A name counts
// only with a digit or a connector besides: "Claude" alone is a word.
var modelFamilies = []string{
	"gpt-", "gpt4", "gpt3", "chatgpt-", "o1", "o3", "o4-", "claude", "gemini", "gemma", "qwen", "qwq", "llama",
	"meta-llama", "mistral", "mixtral", "codestral", "ministral", "pixtral", "magistral", "devstral", "deepseek",
	"command-", "text-embedding", "embed-", "bge-", "whisper-", "dall-e", "tts-", "glm-", "chatglm", "kimi",
	"moonshot", "baichuan", "yi-", "ernie-", "doubao", "hunyuan", "minimax", "abab", "grok-", "nova-", "titan-",
	"phi-", "jamba", "sonar-", "falcon-", "granite", "nemotron", "imagen-", "veo-", "rerank-", "omni-moderation",
	"stable-diffusion", "flux", "davinci", "babbage", "text-davinci", "anthropic.", "amazon.", "meta.", "cohere.",
}

// keyPrefixes begin secrets of providers and of LiteLLM.
var keyPrefixes = []string{"sk-", "pk-", "rk-", "gsk_", "xai-", "hf_", "AIza", "AKIA", "ASIA", "ghp_", "glpat-", "r8_", "co-", "nvapi-", "pplx-", "eyJ"}

// idPrefixes begin ids, if what follows looks drawn by lot.
var idPrefixes = []string{
	"req_", "req-", "org-", "org_", "proj_", "call_", "msg_", "toolu_", "chatcmpl-", "cmpl-", "resp_", "run_", "thread_", "asst_",
	"file-", "user_", "user-", "batch_", "modr-", "embd-", "gen-", "fp_", "conv_", "item_", "rs_", "fc_", "ws_", "step_", "as-",
}

// topLevelDomains end the host names that occur in errors, private ones included.
var topLevelDomains = set(
	"com", "net", "org", "io", "ai", "cn", "dev", "cloud", "app", "co", "eu", "de", "fr", "uk", "us", "jp", "ru", "in", "kr",
	"sg", "ch", "nl", "edu", "gov", "ms", "local", "internal", "lan", "corp", "svc", "intranet", "localdomain", "test", "invalid", "example",
)

// units may stand right behind a number.
var units = set(
	"ns", "us", "ms", "s", "sec", "secs", "m", "min", "mins", "h", "hr", "hrs", "d", "k", "K", "M", "G", "T", "B", "b", "kb", "KB", "mb", "MB",
	"gb", "GB", "TB", "KiB", "MiB", "GiB", "x", "e", "E", "th", "st", "nd", "rd", "px", "am", "pm", "AM", "PM",
)

// courtesies begin sentences that say what to do or read next and not what failed.
// They are dropped behind the first sentence: releases and endpoints differ in them.
// Lower case.
var courtesies = []string{
	"please try again", "try your request again", "please retry", "try again in", "try again later", "retry after", "visit ", "please visit", "sorry about that",
	"you can retry", "you can find", "for more information", "for more details", "for details", "to learn more", "learn more",
	"please go here", "see <url>", "see http", "read more", "please include", "(please include", "contact us", "please contact",
	"if the problem persists", "if the error persists", "if you believe", "more info", "refer to", "please refer", "please see",
	"please check our", "check <url>", "head to", "read the docs",
}

// preambleWords are all a text before a JSON body may say to count as nothing.
var preambleWords = set(
	"a", "an", "and", "api", "body", "call", "code", "details", "error", "errors", "exception", "failed", "from", "got", "http", "llm", "message",
	"model", "occurred", "occured", "provider", "raw", "received", "request", "response", "returned", "server", "status", "the", "upstream", "was", "with",
	"bad", "b", "text", "content", "json", "original", "client",
)
