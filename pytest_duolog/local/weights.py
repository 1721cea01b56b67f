MODELS = {"smollm2-135m-instruct": None}
