package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest"
)

// replayer runs a replayer alone, as `faultwire replay` does.
func (r *rig) replayer(t *testing.T) {
	t.Helper()
	s, err := ingest.NewReplayer(r.cfg, ingest.Deps{Store: r.store, Log: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
}

// ask requests a replay.
func (r *rig) ask(t *testing.T, request event.ReplayRequest) {
	t.Helper()
	data, err := event.Encode(&request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.JetStream.Publish(t.Context(), topology.RequestSubject(request.ID), data); err != nil {
		t.Fatal(err)
	}
}

// answer waits for the end marker of a replay and reads its rows.
func (r *rig) answer(t *testing.T, id string) (event.ReplayEnd, []event.Failure) {
	t.Helper()
	var end event.ReplayEnd
	testkit.Eventually(t, wait, "the end marker of "+id, func() bool {
		e, found, err := bus.Last(t.Context(), r.store.JetStream, topology.Replays, topology.ReplayEndSubject(id))
		if err != nil {
			t.Fatal(err)
		}
		if found {
			if end, err = event.Decode[event.ReplayEnd](e.Data); err != nil {
				t.Fatal(err)
			}
		}
		return found
	})
	stream, filter := topology.Log(id)
	var rows []event.Failure
	for e, err := range bus.Scan(t.Context(), r.store.JetStream, bus.Range{Stream: stream, Filter: filter, Lo: end.Lo, Hi: end.Hi}) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := event.Decode[event.Failure](e.Data)
		if err != nil {
			t.Fatal(err)
		}
		h, err := topology.ReadHeader(e.Header)
		if err != nil || !h.Live || h.Position.Row != len(rows)+1 || h.Position.System != "" || h.Position != f.Position || !h.Time.Equal(f.Committed) {
			t.Errorf("row %d: headers %+v, %v", len(rows), h, err)
		}
		if !f.Estimated || !f.Committed.Equal(f.Ended) || f.History {
			t.Errorf("row %d: committed %s, estimated %v, ended %s, history %v", len(rows), f.Committed, f.Estimated, f.Ended, f.History)
		}
		rows = append(rows, f)
	}
	if len(rows) != end.N {
		t.Errorf("%d rows of %s, N = %d", len(rows), id, end.N)
	}
	return end, rows
}

func requestIDs(rows []event.Failure) []string {
	all := make([]string, len(rows))
	for i, f := range rows {
		all[i] = *f.Log.RequestID
	}
	return all
}

// old runs the query of the tool this replaces, ordered as ours.
func (r *rig) old(t *testing.T, where string) []string {
	t.Helper()
	rows, err := r.sql.Query(t.Context(), `SELECT request_id FROM "LiteLLM_SpendLogs" s
		WHERE coalesce(to_jsonb(s) ->> 'status', metadata ->> 'status', 'success') <> 'success' AND `+where+` ORDER BY "startTime" DESC, request_id`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReplay compares replays with the old tool's queries, on the rows of every
// release.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, testkit.WithSchema(version))
			r.cfg.Ingest.Redact, r.cfg.Ingest.KeepPrompts = false, true
			rows := testkit.Rows(t, version)
			r.insert(t, rows)
			r.replayer(t)
			times := make([]time.Time, len(rows))
			for i, row := range rows {
				times[i] = row.StartTime
			}
			slices.SortFunc(times, time.Time.Compare)
			start, end := times[len(times)/4], times[len(times)*3/4]
			inRange := fmt.Sprintf(`"startTime" >= '%s' AND "startTime" <= '%s'`, start.Format(time.DateTime+".999"), end.Format(time.DateTime+".999"))
			model, key := r.commonest(t, "coalesce(nullif(model_group, ''), model)"), r.commonest(t, "metadata ->> 'user_api_key_alias'")
			ofModel := fmt.Sprintf(`(model = '%[1]s' OR model_group = '%[1]s')`, model)
			ofKey := fmt.Sprintf(`metadata ->> 'user_api_key_alias' = '%s'`, key)
			table := r.rowsByID(t)
			for name, test := range map[string]struct {
				query event.Query
				where string
				steps []string
			}{
				"range":     {event.Query{Start: &start, End: &end, TimeFilter: true}, inRange, []string{"time"}},
				"limit":     {event.Query{Start: &start, End: &end, TimeFilter: true, Limit: 7}, inRange, []string{"time", "limit"}},
				"model":     {event.Query{Start: &start, End: &end, TimeFilter: true, Model: model, Limit: 1000}, inRange + " AND " + ofModel, []string{"time", "model", "limit"}},
				"all three": {event.Query{Start: &start, End: &end, TimeFilter: true, Model: model, Key: key}, inRange + " AND " + ofModel + " AND " + ofKey, []string{"time", "model", "key"}},
				"key, ever": {event.Query{Key: key, Start: &start}, ofKey, []string{"time", "key"}},
				"nothing":   {event.Query{Key: "no such' key", Limit: 5}, "false", []string{"time", "key", "limit"}},
				"days":      {event.Query{Days: 3650, TimeFilter: true}, "true", []string{"time"}},
			} {
				id := "r-" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
				r.ask(t, event.ReplayRequest{V: 1, ID: id, Asked: times[len(times)-1].Add(time.Hour), Query: test.query})
				end, got := r.answer(t, id)
				all := r.old(t, test.where)
				want := all
				if test.query.Limit > 0 {
					want = all[:min(len(all), test.query.Limit)]
				}
				if diff := cmp.Diff(want, requestIDs(got), cmpEmpty()); diff != "" {
					t.Errorf("%s (-old +replay):\n%s", name, diff)
				}
				var steps []string
				left := []int{}
				for _, s := range end.Funnel {
					steps, left = append(steps, s.Filter), append(left, s.Left)
				}
				if diff := cmp.Diff(test.steps, steps); diff != "" {
					t.Errorf("%s: funnel (-want +got):\n%s", name, diff)
				}
				if end.Failed != "" || left[len(left)-1] != len(want) || !slices.IsSortedFunc(left, func(a, b int) int { return b - a }) {
					t.Errorf("%s: %+v", name, end)
				}
				if rate := end.Rate; rate == nil || rate.Failed != len(all) || rate.Requests < rate.Failed || name == "days" && rate.Requests != len(rows) {
					t.Errorf("%s: %d failures, rate %v", name, len(all), rate)
				}
				if name == "limit" && left[0] != len(all) {
					t.Errorf("limit: %v left of %d", left, len(all))
				}
				for _, f := range got {
					if string(f.Row) != table[*f.Log.RequestID] {
						t.Errorf("%s: row %q differs from row_to_json", name, *f.Log.RequestID)
					}
				}
			}
		})
	}
}

func cmpEmpty() cmp.Option {
	return cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })
}

// commonest is the value most failures have.
func (r *rig) commonest(t *testing.T, expression string) (value string) {
	t.Helper()
	err := r.sql.QueryRow(t.Context(), fmt.Sprintf(`SELECT %[1]s FROM "LiteLLM_SpendLogs" s
		WHERE coalesce(to_jsonb(s) ->> 'status', metadata ->> 'status', 'success') <> 'success' AND %[1]s <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1`, expression)).Scan(&value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestReplayMany reads more than a page and a batch, with equal times across their
// ends, twice in a row: the second is no duplicate of the first.
func TestReplayMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.generate(t, "a-", 2500, 1)
	r.generate(t, "b-", 700, 2)
	r.replayer(t)
	want := r.old(t, "true")
	for _, id := range []string{"one", "two"} {
		r.ask(t, event.ReplayRequest{V: 1, ID: id})
		end, rows := r.answer(t, id)
		if diff := cmp.Diff(want, requestIDs(rows)); diff != "" {
			t.Errorf("%s (-table +replay):\n%s", id, diff)
		}
		if end.N != 2850 || !end.Start.IsZero() || !end.End.IsZero() {
			t.Errorf("end %+v", end)
		}
	}
	// Asked again it isn't read again.
	stream, err := r.store.JetStream.Stream(t.Context(), topology.Replays)
	if err != nil {
		t.Fatal(err)
	}
	before := stream.CachedInfo().State.LastSeq
	r.ask(t, event.ReplayRequest{V: 1, ID: "one"})
	r.ask(t, event.ReplayRequest{V: 1, ID: "three", Query: event.Query{Limit: 1}})
	r.answer(t, "three")
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.State.LastSeq - before; got != 2 {
		t.Errorf("%d entries, want one row and one end marker", got)
	}
}

// TestReplayBegunAnew: what a replay that was cut short left behind is not part of
// the answer.
func TestReplayBegunAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.generate(t, "a-", 30, 1)
	for range 5 {
		if _, err := r.store.JetStream.Publish(t.Context(), topology.ReplaySubject("x"), []byte("left over")); err != nil {
			t.Fatal(err)
		}
	}
	r.ask(t, event.ReplayRequest{V: 1, ID: "x"})
	r.replayer(t)
	if end, rows := r.answer(t, "x"); end.N != 30 || len(rows) != 30 {
		t.Errorf("%+v", end)
	}
}

// TestReplayFails: what can't be read ends the replay, with the reason.
func TestReplayFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(t *testing.T, r *rig)
		want    string
	}{
		"no SELECT": {func(t *testing.T, r *rig) { r.as(t, "REPLICATION") }, "permission denied"},
		"no table":  {func(t *testing.T, r *rig) { r.exec(t, `DROP TABLE "LiteLLM_SpendLogs"`) }, "is this LiteLLM's database?"},
		"password":  {func(_ *testing.T, r *rig) { r.cfg.Postgres.Password = secret }, "FAULTWIRE_POSTGRES_PASSWORD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.generate(t, "a-", 3, 1)
			test.arrange(t, r)
			r.replayer(t)
			r.ask(t, event.ReplayRequest{V: 1, ID: "x"})
			end, _ := r.answer(t, "x")
			if !strings.Contains(end.Failed, test.want) || end.N != 0 || end.Hi >= end.Lo || strings.Contains(end.Failed, secret) {
				t.Errorf("end %+v", end)
			}
		})
	}
}

// TestReplayRubbish: a request that can't be read holds up no other.
func TestReplayRubbish(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.generate(t, "a-", 3, 1)
	for _, data := range []string{"rubbish", `{"v":1,"id":"another"}`, ""} {
		if _, err := r.store.JetStream.Publish(t.Context(), topology.RequestSubject("x"), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	r.ask(t, event.ReplayRequest{V: 1, ID: "y"})
	r.start(t) // the service answers too
	if end, _ := r.answer(t, "y"); end.N != 3 {
		t.Errorf("end %+v", end)
	}
}

// TestReplayStopped: a replayer that is stopped in the middle gives the request
// back at once.
func TestReplayStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.generate(t, "a-", 6000, 1)
	s, err := ingest.NewReplayer(r.cfg, ingest.Deps{Store: r.store, Log: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.ask(t, event.ReplayRequest{V: 1, ID: "x"})
	testkit.Eventually(t, wait, "rows are coming", func() bool {
		_, found, err := bus.Last(t.Context(), r.store.JetStream, topology.Replays, topology.ReplaySubject("x"))
		return err == nil && found
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.replayer(t)
	if end, rows := r.answer(t, "x"); end.N != 6000 || len(rows) != 6000 {
		t.Errorf("end %+v", end)
	}
}
