package topology

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// epochKey is the key of the epoch in the metadata of FAILURES.
const epochKey = "faultwire-epoch"

// DefaultMaxBytes is the size of the log on a NATS server of one's own
// (nats.url), in bytes; it counts uncompressed.
const DefaultMaxBytes int64 = 4 << 30

// Options are the settings of the streams. They take effect when a stream is
// made; an existing one is left as it is.
type Options struct {
	Replicas int   // nats.replicas, default 1
	MaxBytes int64 // nats.max_bytes of FAILURES and of REPLAYS each, default 4 GiB
}

// Store is what [Ensure] found or made.
type Store struct {
	JetStream jetstream.JetStream
	State     jetstream.KeyValue
	// Epoch is the random id of this life of the log, chosen by whoever made
	// FAILURES. Cursors and ids of another epoch mean nothing here.
	Epoch string
}

// Ensure makes what is missing of streams, consumers and the STATE bucket. Any
// number of processes may call it at once.
func Ensure(ctx context.Context, js jetstream.JetStream, o Options) (Store, error) {
	store := Store{JetStream: js}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	for _, config := range streams(o) {
		info, err := ensureStream(ctx, js, config)
		if err != nil {
			return Store{}, err
		}
		if config.Name == Failures {
			store.Epoch = info.Config.Metadata[epochKey]
		}
	}
	if store.Epoch == "" {
		return Store{}, fmt.Errorf("stream %s was not made by faultwire (it has no %s): choose another NATS account or remove the stream", Failures, epochKey)
	}
	for stream, config := range consumers() {
		if _, err := js.CreateConsumer(ctx, stream, config); err != nil && !errors.Is(err, jetstream.ErrConsumerExists) {
			return Store{}, fmt.Errorf("make consumer %s of stream %s: %w", config.Durable, stream, err)
		}
	}
	var err error
	if store.State, err = ensureState(ctx, js, o.Replicas); err != nil {
		return Store{}, err
	}
	return store, nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	stream, err := js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, config)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was faster
		stream, err = js.Stream(ctx, config.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("make stream %s: %w", config.Name, err)
	}
	return stream.CachedInfo(), nil
}

func streams(o Options) []jetstream.StreamConfig {
	chain := func(name, subject string) jetstream.StreamConfig {
		return jetstream.StreamConfig{Name: name, Subjects: []string{subject}, MaxAge: chainAge, Replicas: o.Replicas, AllowDirect: true, Compression: jetstream.S2Compression}
	}
	opinions := func(name, subject string) jetstream.StreamConfig {
		c := chain(name, subject)
		c.MaxAge = opinionAge
		return c
	}
	return []jetstream.StreamConfig{
		{
			// The oldest entry goes first: the table still has it. Not compressed: MaxBytes
			// counts bytes that aren't, and with S2 readers wait while every full block of 8 MB
			// is read and written again (docs/benchmarks.md).
			Name: Failures, Subjects: []string{AllFailures}, MaxAge: FailuresAge, MaxBytes: o.MaxBytes, Discard: jetstream.DiscardOld,
			AllowAtomicPublish: true, AllowDirect: true, Replicas: o.Replicas, Duplicates: DuplicateWindow,
			Metadata: map[string]string{epochKey: rand.Text()},
		},
		{Name: IDs, Subjects: []string{AllIDs}, MaxAge: idsAge, AllowDirect: true, Replicas: o.Replicas},
		chain(Windows, AllWindows),
		chain(Periods, AllPeriods),
		chain(Analyses, AllAnalyses),
		opinions(Kinds, AllKinds),
		opinions(Explanations, AllExplanations),
		{Name: Traffic, Subjects: []string{AllTraffic}, MaxAge: trafficAge, MaxMsgsPerSubject: 1, AllowDirect: true, Compression: jetstream.S2Compression, Replicas: o.Replicas},
		{Name: Requests, Subjects: []string{AllRequests}, MaxAge: replayAge, Replicas: o.Replicas, AllowDirect: true},
		{
			Name: Replays, Subjects: []string{AllReplays}, MaxAge: replayAge, MaxBytes: o.MaxBytes, Discard: jetstream.DiscardNew,
			AllowAtomicPublish: true, AllowDirect: true, Compression: jetstream.S2Compression, Replicas: o.Replicas,
		},
		{Name: DeadLetters, Subjects: []string{AllDeadLetters}, MaxAge: deadAge, Replicas: o.Replicas, AllowDirect: true},
	}
}

func consumers() map[string]jetstream.ConsumerConfig {
	worker := func(name, filter string) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{
			Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy, AckWait: AckWait,
			// No limit of deliveries: a full disk or a dead broker must not turn a
			// report into a dead letter. What can never succeed is terminated instead.
			MaxDeliver: -1,
		}
	}
	return map[string]jetstream.ConsumerConfig{
		Windows:  worker(Analyst, AllWindows),
		Periods:  worker(ReportWriter, AllPeriods),
		Requests: worker(Replayer, AllRequests),
		Replays:  worker(ReplayPlanner, AllReplayEnds),
	}
}
