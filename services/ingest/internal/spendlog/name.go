package spendlog

// Name makes a model's name from anywhere what it is in a failure: without secrets,
// valid UTF-8, at most 256 bytes.
func (o Options) Name(s string) string { return o.name(string(repaired([]byte(s)))) }
