package bus

import "errors"

var (
	// ErrConflict: [Append] found another last sequence on the subject than was
	// expected. Another process wrote, or an earlier Append whose answer was lost:
	// read the end of the chain with [Last] and decide again.
	ErrConflict = errors.New("another wrote to the subject first")
	// ErrStalled: a [Scan] got nothing from the server for 30 s although there was
	// more to come.
	ErrStalled = errors.New("the stream gave no more entries")
	// ErrClosed: a [Publisher] or [Subscriber] was used after Close.
	ErrClosed = errors.New("closed")
	// ErrBadTopic: the topic of a subscription is not "STREAM/consumer".
	ErrBadTopic = errors.New("not of the form STREAM/consumer")
	// ErrAckPolicy: a consumer doesn't want every message acknowledged by itself.
	ErrAckPolicy = errors.New("its ack policy is not explicit")
	// ErrLeaseLost is the cause of the end of the context of [Hold].
	ErrLeaseLost = errors.New("the lease was lost")
	// ErrEnded: a router ended although nobody asked for it, see [Run].
	ErrEnded = errors.New("the subscriptions ended")
)

// Ways a pull request of a cursor can end early.
var (
	errGap         = errors.New("entries were lost on the way")
	errReconnected = errors.New("the connection to NATS is interrupted")
	errNothing     = errors.New("the server sent nothing")
)

var errHeld = errors.New("another holds the lease")
