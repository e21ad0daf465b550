package fingerprint

import "testing"

func FuzzOf(f *testing.F) {
	for _, s := range loadFixture(f) {
		f.Add(s.Class, s.Code, s.Provider, s.Message, s.Traceback)
	}
	for _, text := range providerTexts {
		for _, message := range envelopes(f, text) {
			f.Add("BadRequestError", "400", "openai", message, "")
		}
	}
	f.Fuzz(func(t *testing.T, class, code, provider, message, traceback string) {
		e := Error{Class: class, Code: code, Provider: provider, Message: message, Traceback: traceback}
		k := Of(e)
		if err := wellFormed(k); err != nil {
			t.Fatal(err)
		}
		if again := Of(e); again != k {
			t.Fatalf("two kinds of one error:\n%+v\n%+v", k, again)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	var errors []Error
	var size int64
	for _, s := range loadFixture(b) {
		errors = append(errors, s.error())
		size += int64(len(s.Message) + len(s.Traceback))
	}
	b.SetBytes(size / int64(len(errors)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		Of(errors[n%len(errors)])
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msg/s")
}
