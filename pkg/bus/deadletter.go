package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/topology"
)

// Headers of a dead letter: what was wrong, and where the message came from. Its
// body and its other headers are those of the message.
const (
	DeadReason     = "Faultwire-Dead-Reason"
	DeadStream     = "Faultwire-Dead-Stream"
	DeadSequence   = "Faultwire-Dead-Sequence"
	DeadSubject    = "Faultwire-Dead-Subject"
	DeadConsumer   = "Faultwire-Dead-Consumer"
	DeadDeliveries = "Faultwire-Dead-Deliveries"
	// DeadCut is the size in bytes of a body that was left away because message and
	// reason together were too large.
	DeadCut = "Faultwire-Dead-Cut"
)

const maxReason = 2000 // bytes

// bury stores a copy of the message on topology.DeadLetterSubject of the consumer,
// once however often it is called soon.
func bury(ctx context.Context, js jetstream.JetStream, d *delivery, reason string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	letter := deadLetter(d, reason)
	_, err := js.PublishMsg(ctx, letter)
	if errors.Is(err, nats.ErrMaxPayload) {
		letter.Header.Set(DeadCut, strconv.Itoa(len(letter.Data)))
		letter.Data = nil
		_, err = js.PublishMsg(ctx, letter)
	}
	if err != nil {
		return fmt.Errorf("publish on %s: %w", letter.Subject, err)
	}
	return nil
}

func deadLetter(d *delivery, reason string) *nats.Msg {
	letter := nats.NewMsg(topology.DeadLetterSubject(d.meta.Consumer))
	letter.Data = d.entry.Data
	for key, values := range d.entry.Header {
		// Expectations of the first publishing would be checked once more.
		if !strings.HasPrefix(key, serverPrefix) {
			letter.Header[key] = values
		}
	}
	sequence := strconv.FormatUint(d.entry.Seq, 10)
	letter.Header.Set(jetstream.MsgIDHeader, strings.Join([]string{"dead", d.entry.Stream, d.meta.Consumer, sequence}, "/"))
	letter.Header.Set(DeadReason, reason)
	letter.Header.Set(DeadStream, d.entry.Stream)
	letter.Header.Set(DeadSequence, sequence)
	letter.Header.Set(DeadSubject, d.entry.Subject)
	letter.Header.Set(DeadConsumer, d.meta.Consumer)
	letter.Header.Set(DeadDeliveries, strconv.FormatUint(d.meta.NumDelivered, 10))
	return letter
}

// oneLine makes an error text fit for a header.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + " …"
	}
	return text
}
