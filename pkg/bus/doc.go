// Package bus is how services use NATS JetStream: whole ranges of a stream in order
// ([Scan], [Follow]), writes that happen once ([PublishOnce], [Append]), one of many
// processes at a time ([Hold]), and Watermill for the hops that are one message in,
// one effect out ([Publisher], [Subscriber], [NewRouter]).
//
// It makes no streams and no durable consumers: package topology does. It never
// closes the connection it is given.
package bus
