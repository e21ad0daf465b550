// Package batch writes messages into a stream together, with one acknowledgement.
package batch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// MaxMessages is the server's limit of one batch.
	MaxMessages = 1000
	// MaxBytes is our own limit of one batch, for the sake of memory: the server stages
	// it in a buffer of 256 KiB, 1 MiB or 4 MiB, a new one for most. A single larger
	// message makes a batch of its own.
	MaxBytes = 900 << 10

	// few is up to how many messages are published one by one. A message costs the
	// server one fsync; a batch costs a folder that it is staged in, and six.
	few = 10

	timeout = 10 * time.Second // the server drops a batch that is not complete by then
)

// How a batch can be refused. Any other error leaves open whether it was stored.
var (
	// ErrConflict: the stream's last sequence is another: somebody wrote, perhaps
	// we ourselves, unanswered.
	ErrConflict = errors.New("the stream has gone on")
	// ErrDuplicate: the server has seen the Nats-Msg-Id of one of the messages
	// within the stream's duplicate window.
	ErrDuplicate = errors.New("a message of the batch is in the stream already")
	// ErrFull: the stream takes no more (MaxBytes with Discard New, or no disk).
	ErrFull = errors.New("the stream is full")
)

// Result says where a batch was stored.
type Result struct {
	First, Last uint64 // sequences
}

// Place is where in the stream a batch has to come.
type Place struct {
	header string
	last   uint64
}

// After is the end of a stream whose last sequence is last.
func After(last uint64) Place { return Place{jetstream.ExpectedLastSeqHeader, last} }

// AfterOnSubject lets the batch follow the message of sequence last on its subject
// (0 = there is none), whatever is on others.
func AfterOnSubject(last uint64) Place { return Place{jetstream.ExpectedLastSubjSeqHeader, last} }

// Publish stores 1 to MaxMessages messages of one stream, in their order and with
// nothing between them, if place is as it is said to be. On an error other than of
// place the first of them may be stored, without the rest. The messages may be used
// again for another try.
func Publish(ctx context.Context, js jetstream.JetStream, place Place, messages []*nats.Msg) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	if len(messages) == 1 || len(messages) <= few && place.header == jetstream.ExpectedLastSeqHeader {
		return publishEach(ctx, js, place, messages)
	}
	messages[0].Header.Set(place.header, strconv.FormatUint(place.last, 10))
	ack, err := jetstreamext.PublishMsgBatch(ctx, js, messages)
	if err != nil {
		return Result{}, classify(err)
	}
	return Result{First: ack.Sequence - uint64(len(messages)) + 1, Last: ack.Sequence}, nil
}

func publishEach(ctx context.Context, js jetstream.JetStream, place Place, messages []*nats.Msg) (Result, error) {
	var r Result
	for i, m := range messages {
		for _, header := range []string{jetstreamext.BatchIDHeader, jetstreamext.BatchSeqHeader, jetstreamext.BatchCommitHeader} {
			m.Header.Del(header) // of another try
		}
		m.Header.Set(place.header, strconv.FormatUint(place.last, 10))
		ack, err := js.PublishMsg(ctx, m)
		m.Header.Del(place.header) // a batch may have it on the first message only
		if err != nil {
			return Result{}, classify(err)
		}
		if ack.Duplicate {
			return Result{}, fmt.Errorf("publish a message: %w", ErrDuplicate)
		}
		if i == 0 {
			r.First = ack.Sequence
		}
		r.Last, place.last = ack.Sequence, ack.Sequence
	}
	return r, nil
}

var errTimeout = fmt.Errorf("no answer within %s", timeout)

const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceConstant = 10164
	codeMaximumBytes              = 10077 // also: maximum messages
	codeNoSpace                   = 10047
	codeStorage                   = 10023
)

func classify(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("publish a batch: %w", err)
	}
	switch api.ErrorCode {
	case codeWrongLastSequence, codeWrongLastSequenceConstant:
		return fmt.Errorf("publish a batch: %w: %w", ErrConflict, err)
	case jetstreamext.JSErrCodeBatchPublishDuplicateMsgID:
		return fmt.Errorf("publish a batch: %w: %w", ErrDuplicate, err)
	case codeMaximumBytes, codeNoSpace, codeStorage:
		return fmt.Errorf("publish a batch: %w: %w", ErrFull, err)
	}
	return fmt.Errorf("publish a batch: %w", err)
}
