//! The members of a TFLite model that the reader needs, by the field numbers of the public schema
//! (`tensorflow/compiler/mlir/lite/schema/schema.fbs`, Apache-2.0).

use super::flat::Table;
use super::{malformed, unsupported, within};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::MAX_ELEMENTS;

/// The highest rank of a tensor; no operator of the reader needs more.
const MAX_RANK: usize = 6;

/// The most inputs or outputs of one operator.
const MAX_OPERANDS: usize = 64;

/// The most tensors, and the most operators, of a network.
const MAX_ENTRIES: usize = 1 << 16;

/// Names of operators by their number; the empty ones have no name that a message could use.
const OPERATORS: [&str; 60] = [
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
];

/// Later operators that networks for small devices use.
const LATER: [(i32, &str); 11] = [
    (60, "PADV2"),
    (67, "TRANSPOSE_CONV"),
    (70, "EXPAND_DIMS"),
    (74, "SUM"),
    (97, "RESIZE_NEAREST_NEIGHBOR"),
    (98, "LEAKY_RELU"),
    (114, "QUANTIZE"),
    (117, "HARD_SWISH"),
    (126, "BATCH_MATMUL"),
    (129, "CALL_ONCE"),
    (144, "VAR_HANDLE"),
];

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    Float32,
    Int32,
    Int8,
    Other(i8),
}

/// A tensor as the file declares it.
#[derive(Clone, Debug)]
pub(super) struct TensorInfo<'a> {
    pub name: String,
    pub shape: Vec<u32>,
    pub element: ElementType,
    pub scales: Vec<f32>,
    pub zero_points: Vec<i64>,
    pub axis: i32,
    pub sparse: bool,
    /// Constant elements; empty for activations.
    pub data: &'a [u8],
}

impl TensorInfo<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }

    /// Elements of a constant of four-byte integers.
    pub fn integers(&self) -> Result<Vec<i32>> {
        if self.element != ElementType::Int32 {
            return Err(unsupported(format!("tensor `{}` is not int32", self.name)));
        }
        let (chunks, rest) = self.data.as_chunks::<4>();
        if chunks.len() != self.len() || !rest.is_empty() {
            return Err(malformed(format!(
                "tensor `{}` of shape {:?} holds {} bytes",
                self.name,
                self.shape,
                self.data.len()
            )));
        }
        Ok(chunks.iter().map(|&c| i32::from_le_bytes(c)).collect())
    }
}

/// An operator as the file lists it.
#[derive(Clone, Debug)]
pub(super) struct OperatorInfo<'a> {
    pub code: i32,
    /// -1 for an omitted input.
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub options: Option<Table<'a>>,
}

impl OperatorInfo<'_> {
    /// The operator's name.
    pub fn name(&self) -> String {
        let first = usize::try_from(self.code).ok().and_then(|c| OPERATORS.get(c)).copied();
        let later = || LATER.iter().find(|(code, _)| *code == self.code).map(|&(_, name)| name);
        first
            .or_else(later)
            .map_or_else(|| format!("BUILTIN {}", self.code), str::to_owned)
    }

    /// Option `i`, or its default where there are no options.
    pub fn option(&self, i: usize, default: i32) -> Result<i32> {
        self.options.map_or(Ok(default), |t| t.number(i, default))
    }

    /// Option `i` of one byte.
    pub fn small_option(&self, i: usize) -> Result<i8> {
        self.options.map_or(Ok(0), |t| t.number(i, 0))
    }
}

/// The only subgraph of a model.
#[derive(Clone, Debug)]
pub(super) struct ModelInfo<'a> {
    pub tensors: Vec<TensorInfo<'a>>,
    pub operators: Vec<OperatorInfo<'a>>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
}

impl<'a> ModelInfo<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let model = Table::root(bytes, *b"TFL3")?;
        if model.table_count(2)? != 1 {
            return Err(unsupported(format!("{} subgraphs", model.table_count(2)?))
                .expected("one: networks without control flow"));
        }
        let graph = model
            .element(2, 0)?
            .ok_or_else(|| malformed("the subgraph is missing"))?;
        for (field, what) in [(0, "tensors"), (3, "operators")] {
            let count = graph.table_count(field)?;
            if count > MAX_ENTRIES {
                return Err(Diagnostic::new(Code::BadSize, format!("{count} {what}"))
                    .expected(format!("at most {MAX_ENTRIES}")));
            }
        }
        // A list may name the same tensor a million times: what it unfolds to must be as large as the file at most.
        let mut budget = bytes.len();
        let tensors = (0..graph.table_count(0)?)
            .map(|i| {
                let tensor = graph.element(0, i)?.ok_or_else(|| malformed("a tensor is missing"))?;
                read_tensor(&model, &tensor, &mut budget).map_err(|e| within(e, &format!("tensor {i}")))
            })
            .collect::<Result<_>>()?;
        let operators = (0..graph.table_count(3)?)
            .map(|i| {
                let operator = graph
                    .element(3, i)?
                    .ok_or_else(|| malformed("an operator is missing"))?;
                read_operator(&model, &operator).map_err(|e| within(e, &format!("operator {i}")))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            tensors,
            operators,
            inputs: operands(&graph, 1)?,
            outputs: operands(&graph, 2)?,
        })
    }
}

fn operands(table: &Table, field: usize) -> Result<Vec<i32>> {
    let count = table.count::<i32>(field)?;
    if count > MAX_OPERANDS {
        return Err(unsupported(format!("{count} inputs or outputs")).expected(format!("at most {MAX_OPERANDS}")));
    }
    table.vector(field)
}

fn read_operator<'a>(model: &Table<'a>, operator: &Table<'a>) -> Result<OperatorInfo<'a>> {
    let index = operator.number(0, 0)?;
    let code = usize::try_from(index).ok().map_or(Ok(None), |i| model.element(1, i))?;
    let code = code.ok_or_else(|| malformed(format!("operator code {index} is not in the file's list")))?;
    // Old files have the number in a byte only; in new ones the byte is capped.
    let number = i32::from(code.number::<i8>(0, 0)?).max(code.number(3, 0)?);
    Ok(OperatorInfo {
        code: number,
        inputs: operands(operator, 1)?,
        outputs: operands(operator, 2)?,
        options: operator.table(4)?,
    })
}

fn read_tensor<'a>(model: &Table<'a>, tensor: &Table<'a>, budget: &mut usize) -> Result<TensorInfo<'a>> {
    let quantization = tensor.table(4)?;
    let parameters = quantization.map_or(Ok(0), |q| Ok(q.count::<f32>(2)? + 2 * q.count::<i64>(3)?))?;
    let name = tensor.bytes(3)?.len();
    *budget = budget.checked_sub(name + 4 * parameters).ok_or_else(|| {
        Diagnostic::new(
            Code::BadSize,
            "tensors share names or scales more often than the file's size justifies",
        )
    })?;
    let rank = tensor.count::<i32>(0)?;
    if rank > MAX_RANK {
        return Err(unsupported(format!("a tensor of rank {rank}")).expected(format!("at most {MAX_RANK} dimensions")));
    }
    let buffer = usize::try_from(tensor.number(2, 0)?).ok();
    let buffer = buffer.map_or(Ok(None), |i| model.element(4, i))?;
    let data = buffer.map_or(Ok(&[][..]), |b| b.bytes(0))?;
    if let Some(buffer) = buffer
        && data.is_empty()
        && (buffer.number::<i64>(1, 0)? > 1 || buffer.number::<i64>(2, 0)? > 1)
    {
        return Err(unsupported("constants that lie behind the model"));
    }
    Ok(TensorInfo {
        name: tensor.text(3)?,
        shape: read_shape(&tensor.vector(0)?)?,
        element: match tensor.number::<i8>(1, 0)? {
            0 => ElementType::Float32,
            2 => ElementType::Int32,
            9 => ElementType::Int8,
            other => ElementType::Other(other),
        },
        scales: quantization.map_or(Ok(Vec::new()), |q| q.vector(2))?,
        zero_points: quantization.map_or(Ok(Vec::new()), |q| q.vector(3))?,
        axis: quantization.map_or(Ok(0), |q| q.number(6, 0))?,
        sparse: tensor.table(6)?.is_some(),
        data,
    })
}

/// Extents above zero, whose product is small enough for every later use.
fn read_shape(extents: &[i32]) -> Result<Vec<u32>> {
    let shape: Option<Vec<u32>> = extents.iter().map(|&d| u32::try_from(d).ok()).collect();
    let elements = |shape: &[u32]| shape.iter().try_fold(1u64, |a, &b| a.checked_mul(b.into()));
    shape
        .filter(|s| elements(s).is_some_and(|n| n > 0 && n <= MAX_ELEMENTS))
        .ok_or_else(|| {
            Diagnostic::new(
                Code::BadSize,
                format!("a tensor of shape {extents:?} has no or too many elements"),
            )
            .expected(format!("1 to {MAX_ELEMENTS} elements"))
        })
}
