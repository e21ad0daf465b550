package spendlog

// isProvider reports whether LiteLLM has a provider of this name. The column model
// may hold "provider/name", but also a public name with a slash that anybody may
// send ("Qwen/Qwen3-30B-A3B", "../../etc/passwd"), and a provider is a label: only
// known ones count.
func isProvider(name string) bool {
	switch name {
	case "ai21", "ai21_chat", "aiml", "aleph_alpha", "anthropic", "anthropic_text", "anyscale", "assemblyai",
		"aws_polly", "azure", "azure_ai", "azure_text", "baseten", "bedrock", "bedrock_converse", "bedrock_mantle",
		"black_forest_labs", "bytez", "cerebras", "chatgpt", "clarifai", "cloudflare", "codestral", "cohere",
		"cohere_chat", "cometapi", "compactifai", "custom", "custom_openai", "dashscope", "databricks", "datarobot",
		"deepgram", "deepinfra", "deepseek", "docker_model_runner", "dotprompt", "elevenlabs", "empower", "fal_ai",
		"featherless_ai", "fireworks_ai", "friendliai", "galadriel", "gemini", "gigachat", "github", "github_copilot",
		"gradient_ai", "groq", "heroku", "hosted_vllm", "huggingface", "hyperbolic", "infinity", "jina_ai", "lambda_ai",
		"langgraph", "lemonade", "litellm_proxy", "llamafile", "lm_studio", "manus", "maritalk", "meta_llama", "minimax",
		"mistral", "moonshot", "morph", "nebius", "nlp_cloud", "novita", "nscale", "nvidia_nim", "oci", "ollama",
		"ollama_chat", "oobabooga", "openai", "openai_like", "openrouter", "ovhcloud", "perplexity", "petals",
		"poe", "predibase", "publicai", "ragflow", "recraft", "replicate", "runwayml", "sagemaker", "sagemaker_chat",
		"sagemaker_nova", "sambanova", "sap", "snowflake", "stability", "synthetic", "text-completion-codestral",
		"text-completion-openai", "together_ai", "topaz", "triton", "v0", "vercel_ai_gateway", "vertex_ai",
		"vertex_ai_beta", "vllm", "volcengine", "voyage", "wandb", "watsonx", "watsonx_text", "xai", "xinference",
		"xiaomi_mimo", "zai":
		return true
	}
	return false
}
