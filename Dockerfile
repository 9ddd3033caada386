# syntax=docker/dockerfile:1

# Builder: the static binary, and a data directory that the numeric user below may write to.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/meridian ./cmd/meridian
RUN mkdir -p /out/data /out/etc

# Image: the binary and the certificate authorities for https checks; no shell, no package manager.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/meridian /meridian
COPY --from=build --chown=65532:65532 /out/data /var/lib/meridian
COPY --from=build --chown=65532:65532 /out/etc /etc/meridian
USER 65532:65532
WORKDIR /var/lib/meridian
VOLUME /var/lib/meridian
# Docker lets an unprivileged user bind port 53 inside the container (net.ipv4.ip_unprivileged_port_start=0 since
# Docker 20.10); where it doesn't, see deploy/README.md. The admin listener stays on the container's loopback.
EXPOSE 53/udp 53/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/meridian", "healthcheck"]
ENTRYPOINT ["/meridian"]
CMD ["serve", "--config", "/etc/meridian/meridian.yaml"]
