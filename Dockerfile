# The bot with the model that ships: docker build -t isto . && docker run --env-file .env --volume isto:/data isto
FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app

# No install scripts: the image has Node, and the packages contain the binaries they need.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY . .

RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=2m \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:8080/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# These override .env. The bot handles SIGTERM itself, so there is no shell in between.
CMD ["env", "DATA_DIR=/data", "HEALTH_PORT=8080", "node", "src/main.ts"]
