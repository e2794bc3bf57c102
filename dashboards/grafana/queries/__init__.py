"""The queries of the boards, by the service that answers them; `fleet` asks Prometheus itself and every process."""
