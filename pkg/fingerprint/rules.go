package fingerprint

import "github.com/faultwire/faultwire/pkg/event"

// A rule says what an error means. The first rule that matches decides.
//
// A rule either has words, and then a title and a check of its own; or exceptions
// or codes, and then only a class. So everything shown about a kind follows from
// its template and its class, which are in its id.
type rule struct {
	// words must all occur in the template, lower case; "a|b" is met by either.
	words []string
	// exceptions are names of Python exceptions without module, any of them.
	exceptions []string
	// codes are error codes, any of them.
	codes []string
	// gateway: LiteLLM wrote the text, so the provider is no part of the kind.
	gateway bool

	class event.Class
	// title heads the kind in reports: at most 80 bytes.
	title string
	// check is what an operator should look at: one line.
	check string
}

// rules is the class table, read-only. Order matters: the gateway's own refusals
// first, then from the specific text to the general one, then exceptions, then codes.
var rules = []rule{
	// Budgets of the gateway.
	{
		words: []string{"over budget|exceededbudget|budget has been exceeded", "end user="}, gateway: true, class: event.ClassBudget,
		title: "Budget of an end user used up",
		check: "raise the max_budget of the customer in LiteLLM (/customer/update) or wait for its reset",
	},
	{
		words: []string{"over budget|exceededbudget|budget has been exceeded", "team="}, gateway: true, class: event.ClassBudget,
		title: "Budget of a team used up",
		check: "raise the team's max_budget in LiteLLM (/team/update) or wait for its reset",
	},
	{
		words: []string{"over budget|exceededbudget|budget has been exceeded", "organization="}, gateway: true, class: event.ClassBudget,
		title: "Budget of an organization used up",
		check: "raise the organization's max_budget in LiteLLM or wait for its reset",
	},
	{
		words: []string{"over budget|exceededbudget|budget has been exceeded", " user="}, gateway: true, class: event.ClassBudget,
		title: "Budget of a user used up",
		check: "raise the user's max_budget in LiteLLM (/user/update) or wait for its reset",
	},
	{
		words: []string{"over budget|exceededbudget|budget has been exceeded|exceededtokenbudget|exceededmodelbudget|max budget limit reached|crossed budget"}, gateway: true, class: event.ClassBudget,
		title: "Budget in the gateway used up",
		check: "find whose budget it is (key, user, team, tag or provider) and raise max_budget in LiteLLM, or wait for its reset",
	},

	// Rates of the gateway.
	{
		words: []string{"limit type: requests"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on requests per minute",
		check: "raise the rpm_limit of the key, user or team in LiteLLM, or slow the caller down",
	},
	{
		words: []string{"limit type: tokens"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on tokens per minute",
		check: "raise the tpm_limit of the key, user or team in LiteLLM, or slow the caller down",
	},
	{
		words: []string{"limit type: max_parallel_requests"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on parallel requests",
		check: "raise max_parallel_requests of the key, user or team in LiteLLM, or let the caller send fewer at once",
	},
	{
		words: []string{"rate limit handler", "crossed: rpm"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on requests per minute",
		check: "raise the rpm_limit of the key, user or team in LiteLLM, or slow the caller down",
	},
	{
		words: []string{"rate limit handler", "crossed: tpm"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on tokens per minute",
		check: "raise the tpm_limit of the key, user or team in LiteLLM, or slow the caller down",
	},
	{
		words: []string{"rate limit handler", "crossed: max_parallel_requests"}, gateway: true, class: event.ClassQuota,
		title: "Gateway limit on parallel requests",
		check: "raise max_parallel_requests of the key, user or team in LiteLLM, or let the caller send fewer at once",
	},
	{
		words: []string{"rate limit handler|max parallel request limit reached|over available rpm|over available tpm|priority-based rate limit|model capacity reached"}, gateway: true, class: event.ClassQuota,
		title: "Gateway rate limit",
		check: "compare rpm_limit, tpm_limit and max_parallel_requests of the key, user or team in LiteLLM with what the caller sends",
	},
	{
		words: []string{"over user-defined ratelimit|over defined rpm limit|over defined tpm limit"}, gateway: true, class: event.ClassQuota,
		title: "Deployment over its limit in the gateway",
		check: "raise rpm or tpm of the deployment in LiteLLM's config, or add a second deployment",
	},

	// Who may call the gateway.
	{
		words: []string{"virtual key expected|malformed api key"}, gateway: true, class: event.ClassAuth,
		title: "Key of a wrong form",
		check: "the caller sends something that is no LiteLLM key (sk-…): check its Authorization header",
	},
	{
		words: []string{"no api key passed in|no api key provided"}, gateway: true, class: event.ClassAuth,
		title: "Request without a key",
		check: "the caller sends no key: check its Authorization header, or whether it is a scanner",
	},
	{
		words: []string{"expired key|key has expired"}, gateway: true, class: event.ClassAuth,
		title: "Key expired",
		check: "give the caller a new key, or extend this one in LiteLLM (/key/update duration)",
	},
	{
		words: []string{"invalid proxy server token|unable to find token in cache|invalid hash key"}, gateway: true, class: event.ClassAuth,
		title: "Key unknown to the gateway",
		check: "the key was deleted, rotated or never made: give the caller a current one",
	},
	{
		words: []string{"key is blocked|is blocked. update via"}, gateway: true, class: event.ClassAuth,
		title: "Key, user or team blocked",
		check: "somebody blocked it in LiteLLM: unblock it (/key/unblock, /team/unblock) or stop the caller",
	},
	{
		words: []string{"not allowed to access model|not available for this api key|can only access models"}, gateway: true, class: event.ClassAuth,
		title: "Key may not use this model",
		check: "add the model to the models of the key or team in LiteLLM, or have the caller use an allowed one",
	},
	{
		words: []string{"not allowed to call this route|only for master key|admin-only|only proxy admin|not allowed to access this"}, gateway: true, class: event.ClassAuth,
		title: "Route not allowed for this key",
		check: "the caller uses a route that its key or role may not: give it a role, or allowed_routes",
	},
	{
		words: []string{"response id was not issued|response id is not associated"}, gateway: true, class: event.ClassAuth,
		title: "Response id the gateway doesn't own",
		check: "the caller continues a response of another key or proxy: see allow_unmanaged_response_ids and disable_responses_id_security in LiteLLM's general_settings",
	},

	// The gateway's router and the gateway itself.
	{
		words: []string{"no deployments available|no healthy deployment available|no models available|no deployment available"}, gateway: true, class: event.ClassGateway,
		title: "No deployment left: all in cooldown",
		check: "look for the errors before it: they put every deployment of the model into cooldown; add a deployment or a fallback, or lower cooldown_time",
	},
	{
		words: []string{"passed in model=|invalid model name|no healthy deployments for this model|model_name' with this string|does not exist in model id map"}, gateway: true, class: event.ClassClient,
		title: "Model unknown to the gateway",
		check: "the caller asks for a model that is not in LiteLLM's model_list: correct the name, or add it",
	},
	{
		words: []string{"codec can't encode"}, gateway: true, class: event.ClassGateway,
		title: "Gateway can't put a name into a header",
		check: "the model's name has characters outside latin-1, which LiteLLM can't write into a response header: give it an ASCII model_name",
	},
	{
		words: []string{"no db connected|db not connected|no connected db|prisma|can't reach database server|database connection"}, gateway: true, class: event.ClassGateway,
		title: "Gateway has no database",
		check: "check LiteLLM's DATABASE_URL and that its Postgres answers",
	},
	{
		words: []string{"litellm enterprise|premium user|litellm_license"}, gateway: true, class: event.ClassGateway,
		title: "Needs a LiteLLM enterprise licence",
		check: "the feature needs LITELLM_LICENSE, or must be taken out of LiteLLM's config",
	},

	// Content.
	{
		words: []string{"guardrail|敏感信息规则|prompt injection|blocked by |content safety|model armor|moderation policy"}, gateway: true, class: event.ClassContent,
		title: "Guardrail refused the request",
		check: "read which rule it was; if it should pass, change the guardrail in LiteLLM's config, else tell the caller",
	},
	{
		words: []string{"content management policy|content_filter|content filter|content policy|content_policy|inappropriate content|inappropriate-content|data_inspection|" +
			"responsibleai|usage policy|usage policies|safety system|safety settings|response was blocked|output was blocked|prompt was blocked|sensitive content|sensitive word|sensitive information|敏感|违规|不安全"}, class: event.ClassContent,
		title: "Provider's content filter refused the text",
		check: "look at the caller's prompts; for wrong alarms change the provider's filter level, or route to another provider by content_policy_fallbacks",
	},

	// Too much text.
	{
		words: []string{"maximum context length|prompt is too long|context_length_exceeded|context window|context length|context limit|input is too long|too many input tokens|" +
			"reduce the length|range of input length|input token count|prompt: length|input length|length limit exceeded|maximum allowed input length|max input token"}, class: event.ClassClient,
		title: "Context length exceeded",
		check: "the request is longer than the model takes: shorten it in the caller, or set context_window_fallbacks in LiteLLM's config",
	},
	{
		words: []string{"request too large", "tokens per min|tpm"}, class: event.ClassQuota,
		title: "Request larger than the tokens-per-minute limit",
		check: "one request needs more tokens than the provider allows in a minute: shorten it, or raise the provider's tier",
	},
	{
		words: []string{"request too large|payload size exceeds|request entity too large|payload too large|body too large|request_too_large"}, class: event.ClassClient,
		title: "Request too large",
		check: "the request's body is larger than the provider or a proxy takes: send less, or smaller files",
	},

	// Money at the provider.
	{
		words: []string{"credit balance|insufficient balance|insufficient credit|insufficient funds|insufficient_quota|arrear|欠费|余额不足|good standing|payment required|" +
			"billing hard limit|billing_hard_limit|account is not active|more credits|out of credits|add credits|账户余额"}, class: event.ClassBudget,
		title: "Provider account out of money",
		check: "top up or pay the provider's account whose key this deployment uses; set a fallback meanwhile",
	},
	{
		words: []string{"specified api usage limits|spend limit|spending limit|monthly limit|usage limit"}, class: event.ClassBudget,
		title: "Spending limit at the provider reached",
		check: "raise the limit in the provider's console, or wait for the day the message names",
	},

	// Rates of the provider.
	{
		words: []string{"quota exceeded for metric"}, class: event.ClassQuota,
		title: "Provider quota of a metric used up",
		check: "see which metric of the Google project it is: move off the free tier, raise the quota, or spread the load",
	},
	{
		words: []string{"exceeded your current quota"}, class: event.ClassBudget,
		title: "Provider quota or credit used up",
		check: "check plan, credit and usage limits of the provider's account; waiting seldom helps",
	},
	{
		words: []string{"trial key"}, class: event.ClassQuota,
		title: "Limit of a trial key",
		check: "the deployment uses a trial key of the provider: put a production key into LiteLLM's config",
	},
	{
		words: []string{"tokens per day|tpd"}, class: event.ClassQuota,
		title: "Rate limit on tokens per day",
		check: "the day's tokens at the provider are spent: raise the limit there, or spread over a second deployment",
	},
	{
		words: []string{"requests per day|rpd|per-day|per day|daily limit"}, class: event.ClassQuota,
		title: "Rate limit on requests per day",
		check: "the day's requests at the provider are spent: raise the limit there, or spread over a second deployment",
	},
	{
		words: []string{"requests per min|(rpm)|limit_rpm|request rate limit"}, class: event.ClassQuota,
		title: "Rate limit on requests per minute",
		check: "check the deployment's rpm in LiteLLM's config against the provider's limit; spread over a second deployment or set a fallback",
	},
	{
		words: []string{"tokens per min|(tpm)|token rate limit|per-minute rate limit|too many tokens|input tokens per minute|output tokens per minute"}, class: event.ClassQuota,
		title: "Rate limit on tokens per minute",
		check: "check the deployment's tpm in LiteLLM's config against the provider's limit; spread over a second deployment or set a fallback",
	},
	{
		words: []string{"concurren|并发|parallel requests|in-flight"}, class: event.ClassQuota,
		title: "Provider's limit on parallel requests",
		check: "set max_parallel_requests on the deployment in LiteLLM's config below the provider's limit, or ask the provider for more",
	},
	{
		words: []string{"tier capacity|capacity exceeded|at capacity|no capacity"}, class: event.ClassQuota,
		title: "Provider's capacity for this tier used up",
		check: "move the deployment to a higher tier or another region, or set a fallback",
	},
	{
		words: []string{"rate limit|rate-limit|ratelimit|rate_limit|too many requests|throttl|quota exceeded|resource exhausted|resource has been exhausted|slow down|限流|请求过于频繁|速率"}, class: event.ClassQuota,
		title: "Provider's rate limit",
		check: "compare the deployment's rpm and tpm in LiteLLM's config with the provider's limits; spread over a second deployment or set a fallback",
	},

	// The provider's doors.
	{
		words: []string{"public access is disabled|private endpoint|virtual network|firewall"}, class: event.ClassAuth,
		title: "Provider's endpoint is closed to this network",
		check: "let LiteLLM's host in: private endpoint, or an exception in the resource's network rules",
	},
	{
		words: []string{"territory not supported|location is not supported|region is not supported|not available in your country"}, class: event.ClassAuth,
		title: "Provider doesn't serve this region",
		check: "the provider refuses the address LiteLLM calls from: route through a supported region, or use another provider",
	},
	{
		words: []string{"incorrect api key|invalid api key|api key not valid|invalid x-api-key|invalid_api_key|api_key_invalid|invalid authentication|authentication error|" +
			"authentication_error|unauthorized|token expired|access token|auth credentials|invalid token|api key expired|无效的令牌|令牌|login fail|invalid subscription key|" +
			"security token included in the request|unable to locate credentials|no credentials"}, class: event.ClassAuth,
		title: "Provider refused the API key",
		check: "the api_key of this deployment in LiteLLM's config is wrong, revoked or of another account: replace it",
	},
	{
		words: []string{"not authorized to perform|accessdenied|access denied|permission denied|permission_denied|not have permission|don't have access to the model|no access to model"}, class: event.ClassAuth,
		title: "Provider account lacks a permission",
		check: "give the account behind the deployment's key the permission that the text names, at the provider",
	},

	// Time.
	{
		words: []string{"timed out|timeout|time-out|deadline exceeded|deadline_exceeded|took too long|超时"}, class: event.ClassTimeout,
		title: "Request timed out",
		check: "compare the deployment's timeout and stream_timeout in LiteLLM's config with how long the model takes; look at the provider's load",
	},

	// The network.
	{
		words: []string{"name or service not known|name resolution|getaddrinfo|nodename nor servname|no address associated|dns lookup|dns resolution"}, class: event.ClassNetwork,
		title: "Provider's host name can't be resolved",
		check: "check the host in the deployment's api_base, and DNS where LiteLLM runs",
	},
	{
		words: []string{"certificate|ssl error|sslerror|tlsv1|wrong version number|handshake"}, class: event.ClassNetwork,
		title: "TLS to the provider failed",
		check: "check the certificate of the deployment's api_base; for a private CA set ssl_verify or SSL_CERT_FILE in LiteLLM",
	},
	{
		words: []string{"connection refused|connect call failed|actively refused"}, class: event.ClassNetwork,
		title: "Provider refused the connection",
		check: "nothing listens at the deployment's api_base: check host, port and whether the server runs",
	},
	{
		words: []string{"connection reset|server disconnected|peer closed|incomplete chunked|broken pipe|connection aborted|remoteprotocolerror|connection closed|eof occurred|closed connection"}, class: event.ClassNetwork,
		title: "Connection to the provider broke off",
		check: "look for restarts or load at the provider and for idle timeouts of a proxy between",
	},
	{
		words: []string{"connection error|connection attempts failed|cannot connect|network is unreachable|no route to host|failed to establish a new connection|could not connect|connecterror|connection failed"}, class: event.ClassNetwork,
		title: "Provider could not be reached",
		check: "from LiteLLM's host, call the deployment's api_base with curl: it may be down, or DNS, TLS or a firewall fails (LiteLLM's text doesn't say which)",
	},

	// The client's request.
	{
		words: []string{"invalid json payload|invalid json|json_invalid|could not parse the json body|we could not parse"}, class: event.ClassClient,
		title: "Request is no valid JSON",
		check: "the caller sends malformed JSON: look at how it builds the body",
	},
	{
		words: []string{"missing required parameter|missing <n> required positional argument|field required|must have required property|missing required|param not passed in|is required"}, class: event.ClassClient,
		title: "Required parameter missing",
		check: "the caller leaves out the parameter that the text names",
	},
	{
		words: []string{"tool_use_id|tool_result|tool_calls|tool_call_id|role 'tool'|tool_use|function response parts"}, class: event.ClassClient,
		title: "Tool messages out of order",
		check: "the caller's history has a tool result without its call, or the reverse: often a history cut in the wrong place",
	},
	{
		words: []string{"previous response with id"}, class: event.ClassClient,
		title: "Previous response not found",
		check: "the caller continues a response that the provider doesn't have: expired, not stored, or of another account",
	},
	{
		words: []string{"unsupported value|unsupported parameter|does not support|not supported|unknown parameter|unrecognized request argument|extra inputs are not permitted|unsupported_value|unsupportedparams"}, class: event.ClassClient,
		title: "Parameter not supported by the model",
		check: "the caller sends a parameter this model doesn't take: drop it there, or set drop_params in LiteLLM's config",
	},
	{
		words: []string{"deprecated|decommissioned|has been retired|no longer available|end of life"}, class: event.ClassClient,
		title: "Model retired by the provider",
		check: "point the deployment in LiteLLM's config to the model's successor",
	},
	{
		words: []string{"model", "does not exist|not found|not exist|no such|model_not_found|unknown model|deploymentnotfound|not a valid model|invalid model|模型不存在"}, class: event.ClassClient,
		title: "Model unknown to the provider",
		check: "compare the deployment's model in LiteLLM's config with the provider's list, and whether its account has access",
	},
	{
		words: []string{"deployment", "does not exist|not found"}, class: event.ClassClient,
		title: "Deployment unknown to the provider",
		check: "compare the deployment's name in LiteLLM's config with the one at the provider",
	},

	// The provider's own failures.
	{
		words: []string{"overloaded|over capacity|high demand|负载"}, class: event.ClassProvider,
		title: "Provider overloaded",
		check: "see the provider's status page; retries with a pause and a fallback on another provider carry over it",
	},
	{
		words: []string{"enginecore|engine is dead|enginedead|cuda|out of memory|engine loop|background loop"}, class: event.ClassProvider,
		title: "Inference engine failed",
		check: "read the log of the inference server (vLLM): restart it, and look at GPU memory",
	},
	{
		words: []string{"bad gateway|no healthy upstream|upstream connect error|web server is down"}, class: event.ClassProvider,
		title: "Bad gateway at the provider",
		check: "a proxy before the provider didn't get an answer: for your own server look at it and its proxy, else at the provider's status page",
	},
	{
		words: []string{"service unavailable|temporarily unavailable|service_unavailable|currently unavailable|暂时不可用"}, class: event.ClassProvider,
		title: "Provider unavailable",
		check: "see the provider's status page; set a fallback on another provider",
	},
	{
		words: []string{"unterminated string|expecting value|expecting property name|extra data|invalid response object|unable to get json response|unable to parse response|invalid control character"}, class: event.ClassProvider,
		title: "Provider's answer was cut off or malformed",
		check: "look for broken connections, a proxy that rewrites answers, or an api_base that points to a web page",
	},
	{
		words: []string{"server had an error|internal server error|internal error|unexpected server error|unknown error|server error|provider returned error|internalserverexception|系统繁忙|服务器内部错误"}, class: event.ClassProvider,
		title: "Provider's server failed",
		check: "see the provider's status page; retries and a fallback on another provider carry over it",
	},

	// Left over.
	{
		words: []string{"object has no attribute|nonetype|index out of range|keyerror|unexpected keyword argument|positional argument|is not defined|object is not|unhashable|unpack"}, class: event.ClassGateway,
		title: "Error in the gateway's own code",
		check: "LiteLLM failed on the request or the answer: look for the text in its issues, and try another version",
	},
	{
		words: []string{"invalid parameter|invalid request|invalid value|must not be empty|validation error|bad request|malformed|must be|should be|expected one of|expected a|invalid type|is not a valid|not of type|could not process image|unable to process"}, class: event.ClassClient,
		title: "Request invalid",
		check: "the text names what the provider doesn't accept: correct it in the caller",
	},

	// No words known: what the exception says. APIConnectionError stands for anything
	// LiteLLM could not map (bugs, provider errors, broken connections alike), so it
	// decides nothing.
	{exceptions: []string{"APIConnectionError"}, class: event.ClassUnknown},
	{exceptions: []string{"Timeout", "APITimeoutError", "TimeoutError", "ReadTimeout", "ConnectTimeout", "PoolTimeout", "WriteTimeout"}, class: event.ClassTimeout},
	{exceptions: []string{"RouterRateLimitError", "RouterRateLimitErrorBasic"}, class: event.ClassGateway},
	{exceptions: []string{"RateLimitError", "ProxyRateLimitError"}, class: event.ClassQuota},
	{exceptions: []string{"BudgetExceededError"}, class: event.ClassBudget},
	{exceptions: []string{"AuthenticationError", "PermissionDeniedError", "KeyNotFoundError", "ModelAccessDeniedProxyException", "ModelAccessDeniedError"}, class: event.ClassAuth},
	{exceptions: []string{"ContentPolicyViolationError", "RejectedRequestError", "GuardrailRaisedException", "BlockedPiiEntityError", "GuardrailInterventionNormalStringError"}, class: event.ClassContent},
	{exceptions: []string{
		"BadRequestError", "ContextWindowExceededError", "NotFoundError", "UnprocessableEntityError", "UnsupportedParamsError", "InvalidRequestError",
		"JSONSchemaValidationError", "ProxyMissingRequiredParamError", "ImageFetchError", "RequestValidationError",
	}, class: event.ClassClient},
	{exceptions: []string{"ConnectError", "ClientConnectorError", "ConnectionError", "ReadError", "RemoteProtocolError", "SSLError"}, class: event.ClassNetwork},
	{exceptions: []string{"InternalServerError", "ServiceUnavailableError", "BadGatewayError", "MidStreamFallbackError", "APIResponseValidationError"}, class: event.ClassProvider},
	{exceptions: []string{"AssertionError", "AttributeError", "IndexError", "KeyError", "TypeError", "UnicodeDecodeError", "UnicodeEncodeError", "ValueError", "RuntimeError", "PrismaError"}, class: event.ClassGateway},

	// Last the code: an HTTP status, or a word of the provider's.
	{codes: []string{"content_filter", "data_inspection_failed", "content_policy_violation"}, class: event.ClassContent},
	{codes: []string{"402", "Arrearage", "insufficient_quota", "billing_hard_limit_reached"}, class: event.ClassBudget},
	{codes: []string{"429", "rate_limit_exceeded"}, class: event.ClassQuota},
	{codes: []string{"401", "403", "407", "invalid_api_key"}, class: event.ClassAuth},
	{codes: []string{"408", "504", "524"}, class: event.ClassTimeout},
	{codes: []string{"400", "404", "405", "406", "409", "410", "411", "413", "415", "422", "499", "context_length_exceeded", "model_not_found", "unsupported_value"}, class: event.ClassClient},
	{codes: []string{"500", "501", "502", "503", "520", "521", "522", "523", "529"}, class: event.ClassProvider},
	{class: event.ClassUnknown},
}

// checkOf is the advice for a class, where no rule has a better one.
func checkOf(c event.Class) string {
	switch c {
	case event.ClassProvider:
		return "see the provider's status page and whether a fallback is set"
	case event.ClassNetwork:
		return "check from LiteLLM's host that the deployment's api_base can be reached"
	case event.ClassTimeout:
		return "compare the deployment's timeout in LiteLLM's config with how long the model takes"
	case event.ClassQuota:
		return "compare the limits in LiteLLM and at the provider with what the callers send"
	case event.ClassBudget:
		return "check budgets in LiteLLM and billing at the provider"
	case event.ClassAuth:
		return "check the caller's key in LiteLLM and the deployment's key at the provider"
	case event.ClassClient:
		return "the request itself was refused: show the text to whoever sends it"
	case event.ClassContent:
		return "read which filter or guardrail refused, and whether it should have"
	case event.ClassGateway:
		return "look at LiteLLM's own log around this time"
	default:
		return "no rule knows this text yet: read the exemplar, then LiteLLM's log around this time"
	}
}
