package fingerprint

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
)

// Texts that users of LiteLLM reported (LL#n is an issue or pull request of
// BerriAI/litellm, others are named) or that its source raises, beyond those in the
// fixture: what the class table makes of them.
var fieldTexts = []struct {
	from     string
	e        Error
	class    event.Class
	template string
}{
	{
		"LL#37599",
		Error{
			Class: "BadRequestError", Code: "400", Provider: "anthropic",
			Message: `litellm.BadRequestError: AnthropicException - b'{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-09-01 at 00:00 UTC."},"request_id":"req_011CeDfeyYs7N6neZrLwFxPJ"}'. Received Model Group=claude-haiku-4-5-20251001` + "\nAvailable Model Group Fallbacks=None",
		},
		event.ClassBudget, "You have reached your specified API usage limits. You will regain access on <time> at <time>",
	},
	{
		"LL#18003",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "vertex_ai",
			Message: "Error code: 429 - {'error': {'message': 'litellm.RateLimitError: litellm.RateLimitError: VertexAIException - {\\n  \"error\": {\\n    \"code\": 429,\\n    \"message\": \"Resource has been exhausted (e.g. check quota).\",\\n    \"status\": \"RESOURCE_EXHAUSTED\"\\n  }\\n}\\n. Received Model Group=gemini/gemini-2.5-flash\\nAvailable Model G",
		},
		event.ClassQuota, "Resource has been exhausted (e.g. check quota)",
	},
	{
		"optillm 291",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "vertex_ai",
			Message: "litellm.RateLimitError: litellm.RateLimitError: vertex_aiException - [{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.\",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n]",
		},
		event.ClassQuota, "Resource exhausted",
	},
	{
		"LL#19985",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "openai",
			Message: "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day LiteLLM Retried: 10 times",
		},
		event.ClassQuota, "Rate limit exceeded: free-models-per-day. Add <n> credits to unlock <n> free model requests per day",
	},
	{
		"LL#9035",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "openrouter",
			Message: `litellm.RateLimitError: RateLimitError: OpenrouterException - {"error":{"message":"Rate limit exceeded: limit_rpd/google/gemini-2.0-flash-thinking-exp-01-21/54276bca-abd7-4aa6-a6b5-1b8f898f1395","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"80"}}}}`,
		},
		event.ClassQuota, "Rate limit exceeded: limit_rpd/<model>",
	},
	{
		"LL#19384",
		Error{
			Class: "BadRequestError", Code: "400", Provider: "bedrock",
			Message: `litellm.BadRequestError: BedrockException - {"message":"1 validation error detected: Value '' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must have length greater than or equal to 1"}`,
		},
		event.ClassClient, "<n> validation error detected: Value <value> at 'toolConfig.tools.<n>.member.toolSpec.name' failed to satisfy constraint: Member must have length greater than or equal to <n>",
	},
	{
		"onyx 7842",
		Error{
			Class: "BadRequestError", Code: "400", Provider: "bedrock",
			Message: `litellm.BadRequestError: BedrockException - b'{"message":"The toolConfig field must be defined when using toolUse and toolResult content blocks."}'`,
		},
		event.ClassClient, "The toolConfig field must be defined when using toolUse and toolResult content blocks",
	},
	{
		"LL#4900",
		Error{
			Class: "BadRequestError", Code: "400", Provider: "bedrock",
			Message: "litellm.BadRequestError: BedrockException - Client error '400 Bad Request' for url 'https://bedrock-runtime.us-west-2.amazonaws.com/model/anthropic.claude-3-5-sonnet-20240620-v1:0/converse-stream'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/400",
		},
		event.ClassClient, "Client error <n> Bad Request for url <url>",
	},
	{
		"ragflow 10798",
		Error{
			Class: "APIConnectionError", Code: "500", Provider: "ollama",
			Message: "litellm.APIConnectionError: Ollama_chatException - litellm.Timeout: Connection timed out after 600.0 seconds.",
		},
		event.ClassTimeout, "Connection timed out after <n> seconds",
	},
	{
		"ComparIA 203",
		Error{
			Class: "Timeout", Code: "408", Provider: "openrouter",
			Message: "litellm.Timeout: Timeout Error: OpenrouterException - litellm.Timeout: Connection timed out after 10.0 seconds.",
		},
		event.ClassTimeout, "Connection timed out after <n> seconds",
	},
	{
		"LL#3279",
		Error{
			Class: "APITimeoutError", Code: "408", Provider: "azure",
			Message: "APITimeoutError - Request timed out. \n model: azure/chatgpt-v-2 \n api_base: https://example.openai.azure.com/ \n error_str: Request timed out.",
		},
		event.ClassTimeout, "Request timed out",
	},
	{
		"LL#20867",
		Error{
			Class: "RateLimitError", Code: "429",
			Message: "Error code: 429 - {'error': {'message': 'No deployments available for selected model.', 'type': 'None', 'param': 'None', 'code': '429'}}",
		},
		event.ClassGateway, "No deployments available for selected model",
	},
	{
		"LL#2487",
		Error{
			Class: "ProxyException", Code: "500",
			Message: "No models available\n\nTraceback (most recent call last):\n  File \"/usr/local/lib/python3.9/site-packages/litellm/proxy/proxy_server.py\", line 2821, in chat_completion\n    responses = await asyncio.gather(\nValueError: No models available",
		},
		event.ClassGateway, "No models available",
	},
	{
		"vllm 4667",
		Error{
			Class: "BadRequestError", Code: "400", Provider: "hosted_vllm",
			Message: "litellm.BadRequestError: Hosted_vllmException - Error code: 400 - {'object': 'error', 'message': 'max_tokens must be at least 1, got -186.', 'type': 'BadRequestError', 'param': None, 'code': 400}",
		},
		event.ClassClient, "max_tokens must be at least <n>, got <n>",
	},
	{
		"LL#24609",
		Error{
			Class: "BedrockError", Code: "500", Provider: "bedrock",
			Message: `internalServerException {"message":"The system encountered an unexpected error during processing. Try your request again."}`,
		},
		event.ClassProvider, "internalServerException The system encountered an unexpected error during processing",
	},

	// From the source of 1.80.10: proxy/auth, proxy/hooks, router.
	{
		"auth_checks",
		Error{
			Class: "ProxyException", Code: "401",
			Message: "team not allowed to access model. This team can only access models=['gpt-4o-mini', 'claude-sonnet']. Tried to access gpt-4o",
		},
		event.ClassAuth, "team not allowed to access model. This team can only access models=<list>. Tried to access <model>",
	},
	{
		"auth_checks",
		Error{
			Class:   "BudgetExceededError",
			Message: "Budget has been exceeded! Team=8c1f-data science Current cost: 12.5, Max budget: 10.0",
		},
		event.ClassBudget, "Budget has been exceeded! Team=<value> Current cost: <n>, Max budget: <n>",
	},
	{
		"auth_checks",
		Error{Class: "Exception", Message: "Key is blocked. Update via `/key/unblock` if you're admin."},
		event.ClassAuth, "Key is blocked. Update via <path> if you're admin",
	},
	{
		"user_api_key_auth",
		Error{Class: "Exception", Message: "Malformed API Key passed in. Ensure Key has `Bearer ` prefix."},
		event.ClassAuth, "Malformed API Key passed in. Ensure Key has 'Bearer' prefix",
	},
	{
		"parallel_request_limiter",
		Error{Class: "HTTPException", Code: "429", Message: "429: Max parallel request limit reached Hit limit for key"},
		event.ClassQuota, "Max parallel request limit reached Hit limit for key",
	},
	{
		"router",
		Error{Class: "RateLimitError", Code: "429", Message: "litellm.RateLimitError: Deployment over defined rpm limit=10. current usage=11"},
		event.ClassQuota, "Deployment over defined rpm limit=<n>. current usage=<n>",
	},
	{
		"route_llm_request",
		Error{
			Class: "ProxyModelNotFoundError", Code: "400",
			Message: "400: {'error': '/chat/completions: Invalid model name passed in model=gpt 9, the new one. Call `/v1/models` to view available models for your key.'}",
		},
		event.ClassClient, "<path>: Invalid model name passed in model=<model>. Call <path> to view available models for your key",
	},

	// The HTTP clients' words for a network that fails.
	{
		"aiohttp",
		Error{
			Class: "APIConnectionError", Code: "500", Provider: "ollama_chat",
			Message: "litellm.APIConnectionError: Ollama_chatException - Cannot connect to host llm-7.corp.internal:11434 ssl:default [Name or service not known]",
		},
		event.ClassNetwork, "Cannot connect to host <host> ssl:<value> [Name or service not known]",
	},
	{
		"httpx",
		Error{
			Class: "APIConnectionError", Code: "500", Provider: "anthropic",
			Message: "litellm.APIConnectionError: AnthropicException - [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1000)",
		},
		event.ClassNetwork, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:<n>)",
	},
	{
		"httpx",
		Error{
			Class: "APIConnectionError", Code: "500", Provider: "anthropic",
			Message: "litellm.APIConnectionError: AnthropicException - peer closed connection without sending complete message body (incomplete chunked read)",
		},
		event.ClassNetwork, "peer closed connection without sending complete message body (incomplete chunked read)",
	},
	{
		"aiohttp",
		Error{Class: "InternalServerError", Code: "500", Provider: "gemini", Message: "litellm.InternalServerError: GeminiException - Server disconnected"},
		event.ClassNetwork, "Server disconnected",
	},
	{
		"nginx",
		Error{
			Class: "APIError", Code: "504", Provider: "openai",
			Message: "litellm.APIError: APIError: OpenAIException - <html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>…</body></html>",
		},
		event.ClassTimeout, "<n> Gateway Time-out",
	},

	// Validation by FastAPI, other gateways, words of providers' own.
	{
		"fastapi",
		Error{
			Class: "UnprocessableEntityError", Code: "422", Provider: "openai_like",
			Message: `litellm.UnprocessableEntityError: Openai_likeException - {"detail":[{"type":"missing","loc":["body","messages",0,"content"],"msg":"Field required","input":{"role":"user"}}]}`,
		},
		event.ClassClient, "body.messages.<n>.content: Field required",
	},
	{
		"one-api",
		Error{
			Class: "APIError", Code: "503", Provider: "openai",
			Message: `litellm.APIError: APIError: OpenAIException - {"error":{"message":"当前分组 default 下对于模型 gpt-4o 无可用渠道 (request id: 20251201103412345678901AbCdEfGh)","type":"one_api_error"}}`,
		},
		event.ClassProvider, "当前分组 default 下对于模型 <model> 无可用渠道 (request id: <id>)",
	},
	{
		"dashscope",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "dashscope",
			Message: `litellm.RateLimitError: RateLimitError: DashscopeException - Error code: 429 - {'error': {'message': 'You exceeded your current requests list.', 'type': 'limit_requests', 'param': None, 'code': 'limit_requests'}, 'request_id': '9e2b7a52-7f5d-9a5d-8c0b-6f6e0a2d1b11'}`,
		},
		event.ClassQuota, "You exceeded your current requests list",
	},
	{
		"oauth",
		Error{
			Class: "AuthenticationError", Code: "401", Provider: "vertex_ai",
			Message: `litellm.AuthenticationError: VertexAIException - ('invalid_grant: Token has been expired or revoked.', {'error': 'invalid_grant', 'error_description': 'Token has been expired or revoked.'})`,
		},
		event.ClassAuth, "",
	},
	{
		"a gateway behind a gateway",
		Error{
			Class: "RateLimitError", Code: "429", Provider: "litellm_proxy",
			Message: `litellm.RateLimitError: RateLimitError: Litellm_proxyException - Error code: 429 - {'error': {'message': 'litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for gpt-4o in organization org-abc123DEF456 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s.. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None', 'type': 'throttling_error', 'param': None, 'code': '429'}}`,
		},
		event.ClassQuota, "Rate limit reached for <model> in organization <id> on tokens per min (TPM): Limit <n>, Used <n>, Requested <n>",
	},
}

func TestFieldTexts(t *testing.T) {
	t.Parallel()
	for _, tt := range fieldTexts {
		k := Of(tt.e)
		if k.Class != tt.class {
			t.Errorf("%s: class %s, want %s (%s) of %q", tt.from, k.Class, tt.class, k.Title, k.Template)
		}
		if tt.template != "" && k.Template != tt.template {
			t.Errorf("%s: template\n  got %q\n want %q", tt.from, k.Template, tt.template)
		}
	}
}
