package event

import "slices"

// Class says whose fault a failure is. It is a closed set: a class is the last
// token of a subject and a metric label.
type Class string

// The classes. What a text means is decided in package fingerprint.
const (
	// ClassProvider: the provider answered with an error of its own (5xx, overloaded).
	ClassProvider Class = "provider"
	// ClassNetwork: the provider was not reached (DNS, TLS, refused, reset).
	ClassNetwork Class = "network"
	// ClassTimeout: nobody answered in time, LiteLLM's or the provider's deadline.
	ClassTimeout Class = "timeout"
	// ClassQuota: a rate or concurrency limit, the provider's or the gateway's.
	ClassQuota Class = "quota"
	// ClassBudget: money: a budget of the gateway or the provider's billing.
	ClassBudget Class = "budget"
	// ClassAuth: a key is unknown, expired, blocked or may not do this.
	ClassAuth Class = "auth"
	// ClassClient: the request itself is wrong (parameters, context length, unknown model).
	ClassClient Class = "client"
	// ClassContent: a content policy or a guardrail refused.
	ClassContent Class = "content"
	// ClassGateway: LiteLLM itself failed or has no deployment left.
	ClassGateway Class = "gateway"
	// ClassUnknown: none of the rules recognised it.
	ClassUnknown Class = "unknown"
)

// Classes returns all classes in the order reports and charts use.
func Classes() []Class {
	return []Class{
		ClassProvider, ClassNetwork, ClassTimeout, ClassQuota, ClassBudget,
		ClassAuth, ClassClient, ClassContent, ClassGateway, ClassUnknown,
	}
}

// Valid reports whether c is one of [Classes].
func (c Class) Valid() bool { return slices.Contains(Classes(), c) }
