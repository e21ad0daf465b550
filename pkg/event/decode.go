package event

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrVersion is returned by [Decode] for an entry that a later release wrote.
var ErrVersion = errors.New("written by a later version of faultwire: upgrade this process")

// Decode reads an entry of type T from its JSON and refuses one of a later
// version with an error that wraps [ErrVersion].
func Decode[T any](data []byte) (T, error) {
	var head struct {
		V int `json:"v"`
	}
	var v T
	if err := json.Unmarshal(data, &head); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	if head.V > Version {
		return v, fmt.Errorf("decode %T of version %d: %w", v, head.V, ErrVersion)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}
