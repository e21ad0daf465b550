package explainer

import "errors"

// errUnusable: a request for an explanation that nobody can be asked.
var errUnusable = errors.New("the request can't be used")
