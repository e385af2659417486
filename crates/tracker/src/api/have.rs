//! What of a file a peer has: `"all"`, `{"runs": [[first, last], ...]}` or `{"bits": "base64"}`, the latter with chunk 0
//! as the lowest bit of the first byte. Both ends take all three; what is sent is the shorter one.

use drizzle_directory::{Claim, Have};
use drizzle_model::{Bitmap, ChunkRun};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ShapeError;
use crate::encoding;

/// About what a run costs in JSON, in bytes, to compare it with the sixth of a byte that a chunk costs in base64.
const RUN_BYTES: usize = 12;

/// What of a file a peer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Have)]
pub(crate) enum HaveDto {
    /// Every chunk.
    All,
    /// The first and the last chunk of each run, in order.
    #[schema(value_type = Vec<Run>)]
    Runs(Vec<(u32, u32)>),
    /// A bit for each chunk, in base64 (URL-safe, without padding); chunk 0 is the lowest bit of the first byte.
    Bits(String),
}

/// A run of chunks: the first and the last one.
#[derive(ToSchema)]
#[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
#[allow(dead_code, reason = "describes a pair, which is all that is read")]
pub(crate) struct Run(Vec<u32>);

impl HaveDto {
    fn of_bitmap(bitmap: &Bitmap) -> Self {
        let runs_max = bitmap.len() as usize / 6 / RUN_BYTES;
        let runs: Vec<_> = bitmap.runs().take(runs_max + 2).map(|run| (run.first, run.last)).collect();
        if runs.len() > runs_max + 1 {
            Self::Bits(encoding::encode(&bitmap.to_bytes()))
        } else {
            Self::Runs(runs)
        }
    }

    pub(crate) fn into_claim(self, chunks: u32) -> Result<Claim, ShapeError> {
        match self {
            Self::All => Ok(Claim::All),
            Self::Runs(runs) => Ok(Claim::Runs(runs_from(runs))),
            Self::Bits(bits) => bits_from(&bits, chunks).map(Claim::Bits),
        }
    }

    /// `room` is how many chunks an answer may still hold: runs cost their sender little and the receiver much.
    pub(crate) fn into_have(self, chunks: u32, room: &mut u64) -> Result<Have, ShapeError> {
        let runs = match self {
            Self::All => return Ok(Have::All),
            Self::Bits(bits) => return bits_from(&bits, chunks).map(Have::Part),
            Self::Runs(runs) => runs,
        };
        *room = room.checked_sub(u64::from(chunks)).ok_or(ShapeError::TooManyChunks)?;
        if runs.iter().any(|run| run.1 >= chunks) || !runs.is_sorted_by(|one, next| one.1 < next.0) {
            return Err(ShapeError::Runs { chunks });
        }
        let mut bitmap = Bitmap::empty(chunks);
        runs_from(runs).into_iter().for_each(|run| bitmap.insert_run(run));
        Ok(Have::Part(bitmap))
    }
}

impl From<&Have> for HaveDto {
    fn from(have: &Have) -> Self {
        match have {
            Have::All => Self::All,
            Have::Part(bitmap) => Self::of_bitmap(bitmap),
        }
    }
}

impl From<&Claim> for HaveDto {
    fn from(claim: &Claim) -> Self {
        match claim {
            Claim::All => Self::All,
            Claim::Runs(runs) => Self::Runs(runs_to(runs)),
            Claim::Bits(bitmap) => Self::of_bitmap(bitmap),
        }
    }
}

pub(crate) fn runs_from(runs: Vec<(u32, u32)>) -> Vec<ChunkRun> {
    runs.into_iter().map(|(first, last)| ChunkRun { first, last }).collect()
}

pub(crate) fn runs_to(runs: &[ChunkRun]) -> Vec<(u32, u32)> {
    runs.iter().map(|run| (run.first, run.last)).collect()
}

fn bits_from(text: &str, chunks: u32) -> Result<Bitmap, ShapeError> {
    encoding::decode(text)
        .and_then(|bytes| Bitmap::from_bytes(chunks, &bytes))
        .ok_or(ShapeError::Bits { chunks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(have: &HaveDto) -> String {
        serde_json::to_string(have).unwrap()
    }

    fn bitmap(len: u32, numbers: impl IntoIterator<Item = u32>) -> Bitmap {
        let mut bitmap = Bitmap::empty(len);
        numbers.into_iter().for_each(|n| bitmap.insert_run(ChunkRun { first: n, last: n }));
        bitmap
    }

    #[test]
    fn the_forms_are_as_documented() {
        assert_eq!(json(&HaveDto::All), r#""all""#);
        assert_eq!(json(&HaveDto::of_bitmap(&bitmap(100, [3, 4, 9]))), r#"{"runs":[[3,4],[9,9]]}"#);
        let scattered = bitmap(1024, (0..1024).step_by(2));
        assert_eq!(json(&HaveDto::of_bitmap(&scattered)).len(), r#"{"bits":""}"#.len() + 171);
    }

    proptest! {
        #[test]
        fn what_a_peer_has_goes_there_and_back(len in 1u32..3000, numbers in prop::collection::vec(0u32..3000, 0..400)) {
            let have = Have::Part(bitmap(len, numbers.into_iter().filter(|&n| n < len)));
            let dto: HaveDto = serde_json::from_str(&json(&HaveDto::from(&have))).unwrap();
            prop_assert_eq!(dto.into_have(len, &mut u64::MAX.clone()), Ok(have));
        }
    }

    #[test]
    fn an_answer_cannot_make_its_reader_allocate_more_than_it_has_room_for() {
        let mut room = 1000;
        let runs = || HaveDto::Runs(vec![(0, 0)]);
        assert!(runs().into_have(900, &mut room).is_ok());
        assert_eq!(runs().into_have(u32::MAX, &mut room), Err(ShapeError::TooManyChunks));
        assert_eq!(HaveDto::Runs(vec![(0, 9)]).into_have(9, &mut room), Err(ShapeError::Runs { chunks: 9 }));
    }

    #[test]
    fn bits_of_another_length_or_alphabet_are_refused() {
        for text in ["", "AA", "AAAA", "!!", "_w="] {
            let refused = HaveDto::Bits(text.into()).into_claim(12);
            assert_eq!(refused, Err(ShapeError::Bits { chunks: 12 }), "{text:?}");
        }
        assert!(HaveDto::Bits("_w8".into()).into_claim(12).is_ok());
    }
}
