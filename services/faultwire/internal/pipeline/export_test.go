package pipeline

import "github.com/faultwire/faultwire/pkg/topology"

// Store is what the services share.
func (p *Pipeline) Store() topology.Store { return p.store }
