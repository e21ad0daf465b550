package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

// inProcessPause is the time between tries while a replicated stream has another
// write to the subject under way, whose outcome is not known yet.
const inProcessPause = 20 * time.Millisecond

// inProcessTries bounds them: 5 s, as long as a publish waits for its answer.
const inProcessTries = 250

// Last returns the newest entry on subject, which may have wildcards; false means
// that there is none. On a replicated stream another replica may answer, a moment
// behind the last write.
func Last(ctx context.Context, js jetstream.JetStream, stream, subject string) (Entry, bool, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return Entry{}, false, fmt.Errorf("read stream %s: %w", stream, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("read the last entry on %s of stream %s: %w", subject, stream, err)
	}
	for _, added := range []string{
		jetstream.StreamHeader, jetstream.SequenceHeader, jetstream.TimeStampHeaer, jetstream.SubjectHeader, jetstream.LastSequenceHeader,
	} {
		m.Header.Del(added) // not the writer's: a direct get says so what it returns
	}
	return Entry{Stream: stream, Seq: m.Sequence, Subject: m.Subject, Header: m.Header, Data: m.Data, Stored: m.Time.UTC()}, true, nil
}

// PublishOnce publishes on a subject that takes one message; first = false means
// that somebody did it already, perhaps we ourselves in a call that timed out. It
// holds for as long as the stream keeps the message.
func PublishOnce(ctx context.Context, js jetstream.JetStream, subject string, data []byte) (first bool, err error) {
	_, err = Append(ctx, js, subject, data, 0)
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// Append publishes on a subject whose newest message has the sequence last (0 =
// there is none), and returns the sequence of the new one. If it is not so,
// nothing is published and the error is ErrConflict. After any other error it is
// unknown whether the message was stored.
func Append(ctx context.Context, js jetstream.JetStream, subject string, data []byte, last uint64) (seq uint64, err error) {
	for try := 1; ; try++ {
		m := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: data}
		ack, err := js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(last))
		if err == nil {
			return ack.Sequence, nil
		}
		err = fmt.Errorf("publish on %s: %w", subject, err)
		switch conflict(err) {
		case jetstream.JSErrCodeStreamWrongLastSequence:
			return 0, fmt.Errorf("%w: %w", ErrConflict, err)
		case jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			if try < inProcessTries && lifecycle.Pause(ctx, inProcessPause) {
				continue
			}
		}
		return 0, err
	}
}

// conflict is the server's code for a wrong expected sequence, 0 for other errors.
func conflict(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return 0
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return api.ErrorCode
	}
	return 0
}
