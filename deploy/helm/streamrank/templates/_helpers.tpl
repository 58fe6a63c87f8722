{{- define "streamrank.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "streamrank.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $both .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "streamrank.selectorLabels" -}}
app.kubernetes.io/name: {{ include "streamrank.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "streamrank.labels" -}}
{{ include "streamrank.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "streamrank.serviceAccountName" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "streamrank.fullname" .) "default" }}
{{- default $made .Values.serviceAccount.name }}
{{- end }}

{{- define "streamrank.image" -}}
{{- $tag := printf "%s-%s" .Chart.AppVersion (.Values.gpu.enabled | ternary "gpu" "cpu") }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default $tag .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* The protocol that the two questions of docs/security.md come to. */}}
{{- define "streamrank.protocol" -}}
{{- $tls := .Values.kafka.tls.enabled }}
{{- if .Values.kafka.sasl.existingSecret }}
{{- $tls | ternary "SASL_SSL" "SASL_PLAINTEXT" }}
{{- else }}
{{- $tls | ternary "SSL" "PLAINTEXT" }}
{{- end }}
{{- end }}

{{- define "streamrank.isRemote" -}}
{{- if contains "://" .Values.settings.MODEL_PATH }}true{{ end }}
{{- end }}

{{- define "streamrank.hasModelVolume" -}}
{{- if or .Values.model.existingClaim .Values.model.volume }}true{{ end }}
{{- end }}

{{- /* Whether KEDA needs secrets to ask the brokers. */}}
{{- define "streamrank.hasKafkaSecrets" -}}
{{- with .Values.kafka }}
{{- if or .sasl.existingSecret .tls.caSecret .tls.clientSecret }}true{{ end }}
{{- end }}
{{- end }}

{{- /* A number as people write it: Helm reads all of them as floating point, and would say 1.048576e+06. */}}
{{- define "streamrank.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /* All variables that are no secrets: those of .Values.settings, and those that other values decide. */}}
{{- define "streamrank.environment" -}}
{{- $all := dict
  "HTTP_HOST" .Values.http.host
  "HTTP_PORT" .Values.http.port
  "KAFKA_SECURITY_PROTOCOL" (include "streamrank.protocol" .)
  "SHUTDOWN_TIMEOUT_SECONDS" .Values.shutdownTimeoutSeconds }}
{{- if .Values.gpu.enabled }}
{{- /* "auto" would be the CPU on a node whose driver is broken, slow and unnoticed. */}}
{{- $_ := set $all "MODEL_DEVICE" "gpu" }}
{{- end }}
{{- if include "streamrank.isRemote" . }}
{{- $_ := set $all "MODEL_CACHE_PATH" "/var/cache/streamrank" }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .existingSecret }}
{{- $_ := set $all "KAFKA_SASL_MECHANISM" .mechanism }}
{{- $_ := set $all "KAFKA_SASL_USERNAME_FILE" "/run/secrets/kafka-sasl/username" }}
{{- $_ := set $all "KAFKA_SASL_PASSWORD_FILE" "/run/secrets/kafka-sasl/password" }}
{{- end }}
{{- end }}
{{- with .Values.kafka.tls }}
{{- if .caSecret }}
{{- $_ := set $all "KAFKA_SSL_CAFILE" "/run/secrets/kafka-ca/ca.crt" }}
{{- end }}
{{- if .clientSecret }}
{{- $_ := set $all "KAFKA_SSL_CERTFILE" "/run/secrets/kafka-client/tls.crt" }}
{{- $_ := set $all "KAFKA_SSL_KEYFILE" "/run/secrets/kafka-client/tls.key" }}
{{- if .keyPasswordKey }}
{{- $_ := set $all "KAFKA_SSL_KEY_PASSWORD_FILE" "/run/secrets/kafka-client/password" }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := mergeOverwrite $all .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ include "streamrank.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* How many more workers there may be while they are replaced, and how many may be missing. */}}
{{- define "streamrank.maxSurge" -}}
{{- $given := .Values.updateStrategy.maxSurge }}
{{- kindIs "invalid" $given | ternary (.Values.gpu.enabled | ternary 0 1) $given }}
{{- end }}

{{- define "streamrank.maxUnavailable" -}}
{{- $given := .Values.updateStrategy.maxUnavailable }}
{{- kindIs "invalid" $given | ternary (.Values.gpu.enabled | ternary 1 0) $given }}
{{- end }}

{{- /* Variables that other values decide, and which; scripts/chart.py has the same. */}}
{{- define "streamrank.decidedElsewhere" -}}
HTTP_HOST: http.host
HTTP_PORT: http.port
KAFKA_SASL_MECHANISM: kafka.sasl.mechanism
KAFKA_SASL_PASSWORD: kafka.sasl.existingSecret
KAFKA_SASL_USERNAME: kafka.sasl.existingSecret
KAFKA_SECURITY_PROTOCOL: kafka.tls.enabled
KAFKA_SSL_CAFILE: kafka.tls.caSecret
KAFKA_SSL_CERTFILE: kafka.tls.clientSecret
KAFKA_SSL_KEYFILE: kafka.tls.clientSecret
KAFKA_SSL_KEY_PASSWORD: kafka.tls.keyPasswordKey
MODEL_CACHE_PATH: model.cacheSizeLimit
SHUTDOWN_TIMEOUT_SECONDS: shutdownTimeoutSeconds
{{- end }}

{{- /* Whether an address tells a secret: a password, or a signature in its query. */}}
{{- define "streamrank.tellsSecret" -}}
{{- if or (regexMatch "://[^/]*@" .) (regexMatch "://.*[?]" .) }}true{{ end }}
{{- end }}

{{- /* What the schema cannot say: values that contradict each other, and secrets that anybody could read. */}}
{{- define "streamrank.check" -}}
{{- $path := .Values.settings.MODEL_PATH }}
{{- if include "streamrank.tellsSecret" $path }}
{{- fail "settings.MODEL_PATH: its password or its query would be readable in a ConfigMap; leave that away here, and give the whole address as MODEL_PATH by extraEnvFrom, which wins" }}
{{- end }}
{{- $decided := include "streamrank.decidedElsewhere" . | fromYaml }}
{{- range .Values.extraEnv }}
{{- $decides := get $decided (trimSuffix "_FILE" .name) }}
{{- if $decides }}
{{- fail (printf "extraEnv: %s is decided by the value %s" .name $decides) }}
{{- end }}
{{- if and (eq .name "MODEL_PATH") (include "streamrank.tellsSecret" (default "" .value)) }}
{{- fail "extraEnv: the password or the query of MODEL_PATH would be readable in the Deployment; give it by extraEnvFrom or valueFrom" }}
{{- end }}
{{- end }}
{{- $mount := .Values.model.mountPath }}
{{- $has := include "streamrank.hasModelVolume" . }}
{{- if and (hasPrefix (printf "%s/" (trimSuffix "/" $mount)) $path) (not $has) }}
{{- fail (printf "settings.MODEL_PATH=%s: nothing is mounted at %s; set model.existingClaim or model.volume" $path $mount) }}
{{- end }}
{{- if and .Values.model.existingClaim .Values.model.volume }}
{{- fail "model.existingClaim and model.volume: set one of them" }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if ne (empty .mechanism) (empty .existingSecret) }}
{{- fail "kafka.sasl: mechanism and existingSecret go together; set both to log in, or none" }}
{{- end }}
{{- end }}
{{- with .Values.kafka.tls }}
{{- if and (not .enabled) (or .caSecret .clientSecret) }}
{{- fail "kafka.tls: caSecret and clientSecret are used only with enabled=true" }}
{{- end }}
{{- if and .keyPasswordKey (not .clientSecret) }}
{{- fail "kafka.tls.keyPasswordKey: needs clientSecret, which it is a key of" }}
{{- end }}
{{- end }}
{{- if and (regexMatch "^0+%?$" (include "streamrank.maxSurge" .)) (regexMatch "^0+%?$" (include "streamrank.maxUnavailable" .)) }}
{{- fail "updateStrategy: maxSurge and maxUnavailable are both 0, so no worker could ever be replaced; set both, one of them above 0" }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.partitions) }}
{{- fail "keda.partitions: say how many partitions the input topic has; more workers than that do nothing" }}
{{- end }}
{{- end }}
