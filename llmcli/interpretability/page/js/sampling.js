/* The filters of llmcli/decoding/sampling.py, in the same order: temperature, top-k, top-p, min-p.

   narrow({logits, rest}, {temperature, topK, topP, minP}) ->
     {raw, probabilities, removedBy, kept, restKept, restShare, rawRest}
     logits         a typed array, greatest first, less the greatest
     rest           {at: temperature => ln sum exp(logit / temperature)} of tokens that are not listed; or null
     raw            the probabilities without any setting; rawRest that of the rest
     probabilities  0 for what a filter takes away; removedBy: "" or the filter's name, for each token
     kept           how many listed tokens are kept
     restShare      the probability of the rest, 0 where it is taken away
     restKept       true if a filter ends among the tokens that are not listed: then `probabilities` are too low
   topK is at most the number of listed tokens where there is a rest. topK 0, topP 1 and minP 0 are off. entropy(probabilities) in nats; pick(probabilities, u) an index, or -1 for the rest. */

const LOWEST = 1e-6; // in place of a temperature of 0

function softmax(logits, isKept, restLog) {
  const values = Float64Array.from(logits, (value, at) => (isKept(at) ? Math.exp(value) : 0));
  const rest = Math.exp(restLog);
  const sum = values.reduce((a, b) => a + b, 0) + rest;
  return { values: values.map((value) => value / sum), rest: rest / sum };
}

export function narrow({ logits, rest = null }, { temperature = 1, topK = 0, topP = 1, minP = 0 }) {
  const count = logits.length;
  const scaled = Float32Array.from(logits, (value) => value / Math.max(temperature, LOWEST));
  const removedBy = new Array(count).fill("");
  let restLog = rest ? rest.at(temperature) : -Infinity;
  let isOpen = false; // a filter ends among the unlisted tokens
  const isKept = (at) => removedBy[at] === "";
  const before = softmax(logits, () => true, rest ? rest.at(1) : -Infinity);
  if (topK) {
    const least = scaled[Math.min(topK, count) - 1];
    scaled.forEach((value, at) => { if (value < least) removedBy[at] = "top_k"; });
    restLog = -Infinity;
  }
  if (topP < 1) {
    const now = softmax(scaled, isKept, restLog);
    let below = now.rest;
    if (below > 1 - topP) isOpen = true;
    else {
      restLog = -Infinity;
      for (let at = count - 1; at > 0; at -= 1) {
        below += now.values[at];
        if (below > Math.fround(1 - topP)) break;
        if (isKept(at)) removedBy[at] = "top_p";
      }
    }
  }
  if (minP > 0) {
    const now = softmax(scaled, isKept, restLog);
    const least = minP * now.values[0];
    now.values.forEach((value, at) => { if (isKept(at) && value < least) removedBy[at] = "min_p"; });
    if (removedBy[count - 1] === "min_p" || now.values[count - 1] < least) restLog = -Infinity;
    else if (restLog > -Infinity) isOpen = true;
  }
  const after = softmax(scaled, isKept, restLog);
  const kept = removedBy.reduce((sum, name) => sum + (name === ""), 0);
  return { raw: before.values, rawRest: before.rest, probabilities: after.values, restShare: after.rest, removedBy, kept, restKept: isOpen && restLog > -Infinity };
}

export const entropy = (probabilities) => probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);

export function pick(probabilities, u) {
  let sum = 0;
  return probabilities.findIndex((p) => (sum += p) > u);
}
