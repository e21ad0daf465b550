package redact

import "strings"

const (
	hash64 = "6a28c2f87fc8089daac0f6d5fbcaf88a3020b67c36a20474e552c98d6ecae4f8"
	token  = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)

// cuts are texts with a secret, and what must become of them. Keys are made up.
func cuts() map[string]string {
	return map[string]string{
		// What providers and LiteLLM write.
		"Incorrect API key provided: sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIpK6yknbHVUKAfkI54. You can find your API key at https://platform.openai.com": "Incorrect API key provided: [redacted:key]. You can find your API key at https://platform.openai.com",
		"LiteLLM Virtual Key expected. Received=Bearer-8697e1505328b092e062b087, expected to start with 'sk-'.":                                     "LiteLLM Virtual Key expected. Received=[redacted:key], expected to start with 'sk-'.",
		"Received=my secret, with a comma, expected to start with 'sk-'.":                                                                           "Received=[redacted:key], expected to start with 'sk-'.",
		"Incorrect API key provided: abc123def456. Got 401":                                                                                         "Incorrect API key provided: [redacted:key]. Got 401",

		// By their beginning.
		"sk-1234":                         "[redacted:key]",
		"key sk-ant-api03-AbC_d-123 used": "key [redacted:key] used",
		"sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789":            "[redacted:key]",
		"x-goog-api-key AIzaSyA1234567890abcdefghijklmnopqrstuv!": "x-goog-api-key [redacted:key]!",
		"?key=AIzaSyA1234567890abcdefghijklmnopqrstuv&alt=sse":    "?key=[redacted:key]&alt=sse",
		"gsk_0123456789abcdefghijKLMN":                            "[redacted:key]",
		"(hf_abcdefghijklmnopqrstuvwxyz)":                         "([redacted:key])",
		"xai-0123456789abcdefghij":                                "[redacted:key]",
		"AWS AKIAIOSFODNN7EXAMPLE.":                               "AWS [redacted:key].",
		"github_pat_11ABCDEFG0abcdefghijkl":                       "[redacted:key]",
		"token " + token + " expired":                             "token [redacted:token] expired",
		"jwt " + token + ".":                                      "jwt [redacted:token].",
		"Authorization: Bearer sk-f85df9789131e72ebf8ac7":         "Authorization: Bearer [redacted:key]",
		"authorization: bearer 0123456789abcdef.":                 "authorization: bearer [redacted:key].",
		"Proxy-Authorization: Basic dXNlcjpwYXNz":                 "Proxy-Authorization: Basic [redacted:token]",
		"Authorization: Token 0a1b2c3d4e":                         "Authorization: Token [redacted:key]",
		"Bearer%20abc12345678":                                    "Bearer%20[redacted:token]",

		// In texts within texts.
		`line\nsk-abcd1234`:                                `line\n[redacted:key]`,
		"%3Dsk-abcd1234":                                   "%3D[redacted:key]",
		`\u003dsk-abcd1234`:                                `\u003d[redacted:key]`,
		`{"api_key": "s3"}`:                                `{"api_key": "[redacted:key]"}`,
		`{\"password\":\"a b\"}`:                           `{\"password\":\"[redacted:password]\"}`,
		`{\\\"password\\\":\\\"a\\\",\\\"b\\\":1}`:         `{\\\"password\\\":\\\"[redacted:password]\\\",\\\"b\\\":1}`,
		"{'authorization': 'Bearer x', 'a': 1}":            "{'authorization': '[redacted:key]', 'a': 1}",
		`{"password": "it\"s"}`:                            `{"password": "[redacted:password]"}`,
		"api_key=abc123 ":                                  "api_key=[redacted:key] ",
		"api-key = abc123def":                              "api-key = [redacted:key]",
		"https://x.openai.azure.com/?api-key=0123abcd&v=1": "https://x.openai.azure.com/?api-key=[redacted:key]&v=1",
		`"openaiApiKey":"x y z"`:                           `"openaiApiKey":"[redacted:key]"`,
		"aws_secret_access_key='wJalr/XUtn'":               "aws_secret_access_key='[redacted:key]'",
		"access_token: 'abc'":                              "access_token: '[redacted:token]'",
		"token='0123456789abcdefghij'":                     "token='[redacted:token]'",

		// In URLs.
		"postgresql://llm:s3cret@db:5432/litellm": "postgresql://llm:[redacted:password]@db:5432/litellm",
		"redis://:pw@cache:6379":                  "redis://:[redacted:password]@cache:6379",
		"https://u:p@ss@host/x":                   "https://u:[redacted:password]@host/x",
		"see http://a:b@c and http://d:e@f":       "see http://a:[redacted:password]@c and http://d:[redacted:password]@f",

		// Further beginnings.
		"sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef": "[redacted:key]",
		"sk-lf-2b583d35-979e-4ccd-9749-1fc811cf4a07":                                "[redacted:key]",
		"PERPLEXITY pplx-0123456789abcdefABCDEF":                                    "PERPLEXITY [redacted:key]",
		"csk-0123456789abcdefgh and r8_AbCdEf0123456789Ab":                          "[redacted:key] and [redacted:key]",
		"fw_0123456789ABCDEFabcdef":                                                 "[redacted:key]",
		"DATABRICKS_TOKEN dapi0123456789abcdef0123456789abcdef":                     "DATABRICKS_TOKEN [redacted:key]",
		"'dapi0123456789abcdef0123456789abcdef-2'":                                  "'[redacted:key]'",
		"glm 0123456789abcdef0123456789abcdef.AbCdEf0123456789 401":                 "glm [redacted:key] 401",
		"bce-v3/ALTAK-AbCdEf0123456789/0123456789abcdef0123":                        "bce-v3/[redacted:key]",
		"LTAI5tAbCdEfGhIjKlMnOpQr":                                                  "[redacted:key]",
		"SecretId AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA":                             "SecretId [redacted:key]",
		"ASIAIOSFODNN7EXAMPLE/20250101/us-east-1/bedrock/aws4_request":              "[redacted:key]/20250101/us-east-1/bedrock/aws4_request",
		"ya29.a0AfB_byC0123456789abcdefghij":                                        "[redacted:token]",
		"X-Vault-Token: hvs.CAESIJ0123456789abcdefghij":                             "X-Vault-Token: [redacted:token]",
		"xoxb-123456789012-abcdefghij, xoxe.xoxp-1-Mi0yLTEyMzQ1":                    "[redacted:key], xoxe.[redacted:key]",
		"ghp_0123456789abcdefghijABCDEFGHIJ012345":                                  "[redacted:key]",
		"GOCSPX-0123456789abcdefghijABCDEF":                                         "[redacted:key]",
		"lsv2_pt_0123456789abcdef0123456789abcdef_0123456789":                       "[redacted:key]",
		"nvapi-0123456789abcdefABCDEF-_x":                                           "[redacted:key]",
		"wss://x/?jwt=" + token:                                                     "wss://x/?jwt=[redacted:token]",
		"openai-insecure-api-key.sk-abcd1234EFGH":                                   "openai-insecure-api-key.[redacted:key]",

		// Private keys of PEM, whatever became of their line breaks, and cut short.
		"key:\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQ==\n-----END PRIVATE KEY-----\nrest":            "key:\n[redacted:key]\nrest",
		`-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END RSA PRIVATE KEY-----\n`:                    `[redacted:key]\n`,
		"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMHcCAQEEIB\n-----END EC PRIVATE KEY-----.":           "[redacted:key].",
		"(-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAA -----END OPENSSH PRIVATE KEY-----)":              "([redacted:key])",
		"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCB":                                                "[redacted:key]",
		"{'private_key': '-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq\\n-----END PRIVATE KEY-----\\n', 'type': 'x'}": "{'private_key': '[redacted:key]', 'type': 'x'}",

		// Headers.
		"x-api-key: 0123456789abcdef0123456789abcdef":                 "x-api-key: [redacted:key]",
		"Ocp-Apim-Subscription-Key: 0123456789abcdef0123456789abcdef": "Ocp-Apim-Subscription-Key: [redacted:key]",
		"{b'api-key': b'0123456789abcdef', b'host': b'h'}":            "{b'api-key': b'[redacted:key]', b'host': b'h'}",
		`{b\'api-key\': b\'0123456789abcdef\'}`:                       `{b\'api-key\': b\'[redacted:key]\'}`,
		"Headers([('host', 'h'), ('x-api-key', '0123456789abcdef')])": "Headers([('host', 'h'), ('x-api-key', '[redacted:key]')])",
		`[[b"authorization", b"abc123def456"], [b"x", b"y"]]`:         `[[b"authorization", b"[redacted:key]"], [b"x", b"y"]]`,
		`[[\"x-goog-api-key\", \"abc123\"]]`:                          `[[\"x-goog-api-key\", \"[redacted:key]\"]]`,
		"Cookie: session=abc; theme=dark; token=x\nHost: h":           "Cookie: [redacted:token]\nHost: h",
		"Set-Cookie: sid=abc123; Path=/; HttpOnly":                    "Set-Cookie: [redacted:token]",
		"'set-cookie': '__cf_bm=abc; path=/'":                         "'set-cookie': '[redacted:token]'",
		"Authorization: Bearer abcdefghijklmnopqrstuvwxyz":            "Authorization: Bearer [redacted:key]",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=" + hash64: "Authorization: [redacted:key] Credential=[redacted:key], SignedHeaders=host, Signature=[redacted:token]",

		// In URLs.
		"POST https://g.co/v1beta/models/x:generateContent?key=abcdef0123456789&alt=sse":                                                                                "POST https://g.co/v1beta/models/x:generateContent?key=[redacted:key]&alt=sse",
		"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa":                                                                     "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=[redacted:key]",
		"https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef":                                                                                            "https://oapi.dingtalk.com/robot/send?access_token=[redacted:token]",
		"?a=1&amp;token=abcdef0123456789&amp;b=2":                                                                                                                       "?a=1&amp;token=[redacted:key]&amp;b=2",
		"https://a.blob.core.windows.net/c/f?sv=2022-11-02&sr=b&sig=abc%2Bdef%3D0123456789&se=2025":                                                                     "https://a.blob.core.windows.net/c/f?sv=2022-11-02&sr=b&sig=[redacted:token]&se=2025",
		"https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2025&X-Amz-Expires=900&X-Amz-Security-Token=IQoJb3JpZ2luX2VjE0&X-Amz-Signature=" + hash64: "https://b.s3.amazonaws.com/k?X-Amz-Credential=[redacted:key]&X-Amz-Expires=900&X-Amz-Security-Token=[redacted:token]&X-Amz-Signature=[redacted:token]",
		"https://storage.googleapis.com/b/o?X-Goog-Signature=" + hash64 + hash64 + "&x=1":                                                                               "https://storage.googleapis.com/b/o?X-Goog-Signature=[redacted:token]&x=1",
		"postgres://llm:p/ss?w#rd@db:5432/litellm":                                                                                                                      "postgres://llm:[redacted:password]@db:5432/litellm",
		`"postgres:\/\/llm:secret@db\/litellm"`:                                                                                                                         `"postgres:\/\/llm:[redacted:password]@db\/litellm"`,
		"mongodb+srv://u:hunter@c.example.net/?retryWrites=true":                                                                                                        "mongodb+srv://u:[redacted:password]@c.example.net/?retryWrites=true",
		"amqps://u:a%40b@mq": "amqps://u:[redacted:password]@mq",
		"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX": "https://hooks.slack.com/[redacted:token]",
		"https://open.feishu.cn/open-apis/bot/v2/hook/0a1b2c3d-4e5f-6071 failed":        "https://open.feishu.cn/open-apis/bot/[redacted:token] failed",

		// In lists of settings.
		"host=db user=llm password=se,cret dbname=litellm":                                                     "host=db user=llm password=[redacted:password] dbname=litellm",
		"Server=db;Database=x;Uid=llm;Pwd=my secret;Encrypt=true":                                              "Server=db;Database=x;Uid=llm;Pwd=[redacted:password];Encrypt=true",
		"server=db uid=llm pwd=hunter":                                                                         "server=db uid=llm pwd=[redacted:password]",
		"PGPASSWORD=hunter psql -h db":                                                                         "PGPASSWORD=[redacted:password] psql -h db",
		"?user=llm&password=hunter&sslmode=require":                                                            "?user=llm&password=[redacted:password]&sslmode=require",
		"AccountName=x;AccountKey=AbCd0123456789+/==;EndpointSuffix=core.windows.net":                          "AccountName=x;AccountKey=[redacted:key];EndpointSuffix=core.windows.net",
		"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=AbCd0123456789=":                            "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=[redacted:key]",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nAWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjE0": "AWS_SECRET_ACCESS_KEY=[redacted:key]\nAWS_SESSION_TOKEN=[redacted:token]",
		"LITELLM_SALT_KEY=salt-0123 LITELLM_MASTER_KEY=my-master-1":                                            "LITELLM_SALT_KEY=[redacted:key] LITELLM_MASTER_KEY=[redacted:key]",
		"'password': 'abc**def12'":                                                                             "'password': '[redacted:password]'",

		"AWS_SESSION_TOKEN=" + strings.Repeat("IQoJb3JpZ2luX2VjE0", 50) + " x": "AWS_SESSION_TOKEN=[redacted:token] x",

		// As LiteLLM, Python and providers quote it.
		`litellm.AuthenticationError: AuthenticationError: OpenAIException - Error code: 401 - {'error': {'message': 'Incorrect API key provided: 0123abcdef456.', 'code': 'invalid_api_key'}}`: `litellm.AuthenticationError: AuthenticationError: OpenAIException - Error code: 401 - {'error': {'message': 'Incorrect API key provided: [redacted:key].', 'code': 'invalid_api_key'}}`,
		`GeminiException - b'{\n  "error": {"message": "API key not valid: AIzaSyA1234567890abcdefghijklmnopqrstuv"}}'`:                                                                         `GeminiException - b'{\n  "error": {"message": "API key not valid: [redacted:key]"}}'`,
		`httpx.ConnectError: https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent?key=AIzaSyA1234567890abcdefghijklmnopqrstuv`:                                        `httpx.ConnectError: https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent?key=[redacted:key]`,
		`{\"previous_models\": [{\"secret_fields\": {\"raw_headers\": {\"authorization\": \"Bearer sk-rig-0123456789\"}}}]}`:                                                                    `{\"previous_models\": [{\"secret_fields\": {\"raw_headers\": {\"authorization\": \"[redacted:key]\"}}}]}`,
		`token='` + hash64 + `' key_name='sk-...8ac7' api_key='sk-f85df9789131e72ebf8ac7' user_id=None`:                                                                                         `token='` + hash64 + `' key_name='sk-...8ac7' api_key='[redacted:key]' user_id=None`,
	}
}

// keeps are texts that must stay as they are.
func keeps() []string {
	return []string{
		"", "-", "_", "J", "A", "B", ":", "=", "sk-", "'sk-'.", "://", "b", "Bearer ", "bearer", "basic",
		"sk-...8ac7", "sk-*****rjh7.", "sk-ab****", "sk-proj-********ROSS.", "sk-abcdefg…", "Bearer sk-...8ac7", "Bear****fd36",
		"LiteLLM Virtual Key expected. Received=Bear****fd36, expected to start with 'sk-'.",
		"Received Model Group=gpt-4o", "received: 12 of 20 chunks",
		"chatcmpl-EHDaEeL0C8AnErDYSw3sjTUGWXLI0", "msg_01XFDUDYJgAACzvnptvVoYEL", "req_1e9e1db7aa30446b8ca6962b3fbd0f66",
		"resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDpOb25l", "call_abc123DEF456ghi789", "org-AbCdEf0123456789",
		"toolu_01A09q90qw90lq917835lq9", "file-abc123", "asst_abc123", "batch_67f7bfc50b288190893e242d9fa47c52",
		"2b583d35-979e-4ccd-9749-1fc811cf4a07", hash64, "api_key='" + hash64 + "'", "token='" + hash64 + "' key_name='sk-...8ac7'",
		"user_api_key: " + hash64, "token=2b583d35-979e-4ccd-9749-1fc811cf4a07",
		"gpt-4o-mini", "bedrock/converse/anthropic.claude-3-sonnet-20240229-v1:0", "hosted_vllm/Qwen/Qwen3-30B-A3B", "task-1234", "flask-2.3.1", "disk-12345678",
		"locale sk-SK", "ask-me-anything", "risk-based",
		"def f(api_key: Optional[str] = None, password=password):", "api_key=api_key,", "assert api_key.startswith(", "api_key = get(\"api_key\")", "token = await get_key_object(",
		"api_key=os.environ/OPENAI_API_KEY", "'api_key': None", "api_key=''", `"password": null`, "password=${PW}", "api_key: <your key>",
		"Bearer authentication is required", "Basic authentication failed", "basic ChatCompletion request", "Bearer AuthenticationError", "Basic internationalization-2 failed", "signature = asn1.encode_dss_signature",
		"arn:aws:secretsmanager:us-west-2:123456789012:secret:MySecret-a1b2c3", "bearer token expected", "Bearer Token",
		"password: must have 8 characters", "secret: invalid", "max_tokens: 123456789012", "total_token=12345678901234567890",
		"http://127.0.0.1:8899/openai/v1", "https://docs.litellm.ai/docs/proxy/virtual_keys#setup", "http://host:8080/path?mail=a@b.c", "ssh://git@github.com/x",
		"eyJust a word.", "ABSK", "AKIA is a prefix", "hf_hub_download", "sk_learn", "pass: 12", "compass: 123456 north",
		"REDACTED_BY_LITELM", "api_key=REDACTED_BY_LITELM1", "[redacted:key]", "api_key='[redacted:key]'", "litellm_proxy_master_key",

		// What operators go by.
		"chatcmpl-2b583d35-979e-4ccd-9749-1fc811cf4a07", "gen-1733412345-AbCdEf0123456789AbCd", "cmpl-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
		"resp_" + strings.Repeat("bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDow", 7) + "==",
		"run_01H8ZQ3J5K7M9N1P3R5T7V9X1Z", "thread_abc123DEF456ghi789jkl", "vs_68f1a2b3c4d5", "ws_abcdef0123456789abcdef", "rs_68f1a2b3c4d5e6f7a8b9c0d1e2f3", "fc_68f1a2b3c4d5e6f7a8b9c0d1e2f3",
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "fp_44709d6fcb", "f1-3c9e0a1b2c3d4e5f", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
		"d41d8cd98f00b204e9800998ecf8427e.json", "sha256:" + hash64, "key_hash=" + hash64, "?key=" + hash64, "/key/info?key=short", "model_id=" + hash64,
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
		"ft:gpt-4o-mini-2024-07-18:org::AbCdEf12", "openrouter/anthropic/claude-3.5-sonnet", "gemini-2.5-pro-preview-05-06", "qwen2.5:14b", "fw_llama", "accounts/fireworks/models/llama-v3p1-8b-instruct",
		"../../etc/passwd: No such file", "model '../../etc/passwd' failed", "PWD=/opt/litellm-1.106.0/venv", "OLDPWD=/root1234", "env PWD=/root1234 x",
		"10.0.0.1:5432", "[::1]:4000", "http://[::1]:8080/x@y", "https://host:8080/a@b", "https://api.openai.com/v1/chat/completions?api-version=2024-10-21", "http://user@host/x1",
		"-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0B\n-----END CERTIFICATE-----", "expected -----BEGIN PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEF\n",
		"unsupported params: ['api_key', 'base_url1', 'x-api-key', 'organization2']", "('x-api-key', None)", "('x-api-key', '[secure]')", "['x-api-key', 'anthropic-version']",
		"connect(user=u, password=p, dbname=x)", "connect(user=u,password=pw1)", "if password==other1:", "password=self._password,", "password=$DB_PASSWORD", "password=f\"{x}1\"", "password=password\n", "self.password = password2(x)",
		"def signature=inspect.signature(f)", "signature=None", "max_completion_tokens=4096", "auth: required", "auth=('user', 'pass')", "user_api_key_alias='cs-bot-2025'", "user_api_key_team_id: 2e3c4473-2f72-48d6-bc6e-0123456789ab",
		"cookie: not set", "cookies are required", "Cookie: yes", "valid_token=UserAPIKeyAuth(token='" + hash64 + "')", "Invalid token: expected 3", "bad token: line 1 column 5",
		"'password': '********'", "password=****", "litellm_params={'api_key': '****', 'api_base': 'http://h'}", "api_key: [REDACTED]", "'authorization': '[secure]'",
		"LiteLLM Retried: 3 times, LiteLLM Max Retries: 3", "Available Model Group Fallbacks=['gpt-4o-mini']", "Rate limit reached for gpt-4o in organization org-AbCdEf0123456789 on tokens per min (TPM): Limit 30000, Used 29500",
		"dapi", "dapi0123", "api 0123456789abcdef0123456789abcdef", "AKID", "ASIAPACIFICREGION", "INTERNATIONAL", "hvs.", "ya29.short", "xoxo-12345678901",
		"https://hooks.slack.com/services/", "https://docs.slack.com/a/b/c/d/e/f/g/h/i/j",
	}
}
