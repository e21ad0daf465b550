package bus

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of all routers of a process. (Watermill's own take handlers to
// end within a second, panic when they can't be registered and bring an HTTP router
// along.)
type metrics struct {
	duration *prometheus.HistogramVec
	dead     *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "faultwire_handler_duration_seconds",
			Help:    "Time of one attempt to handle a message; attempts that ask to be made later are not counted.",
			Buckets: []float64{.005, .02, .1, .5, 1, 5, 15, 60, 300, 900},
		}, []string{"handler", "success"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_dead_letters_total",
			Help: "Messages that can never be handled; they are in stream DEAD_LETTERS.",
		}, []string{"handler"}),
	}
	var err error
	if m.duration, err = register(r, m.duration); err != nil {
		return nil, err
	}
	m.dead, err = register(r, m.dead)
	return m, err
}

// register returns the collector that is there already when another router made it.
func register[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	err := r.Register(c)
	if twice, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := twice.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metrics of the router: %w", err)
	}
	return c, nil
}

// middleware measures each attempt.
func (m *metrics) middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		handler, began := message.HandlerNameFromCtx(msg.Context()), time.Now()
		produced, err := h(msg)
		if _, later := delayOf(err); !later {
			m.duration.WithLabelValues(handler, strconv.FormatBool(err == nil)).Observe(time.Since(began).Seconds())
		}
		return produced, err
	}
}
