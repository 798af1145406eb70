// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using Iced.Intel;

namespace KvmSharp.Arch.X86;

/// <content>Chooses the handler of a decoded instruction and fills the operand fields that the handler reads.</content>
internal sealed unsafe partial class X86Interpreter
{
    internal static delegate*<X86Interpreter, X86Insn*, byte*, int> UndefinedHandler => &Undefined;

    internal static delegate*<X86Interpreter, X86Insn*, byte*, int> TooLongHandler => &TooLong;

    /// <summary>Where the operands of a two-operand instruction are.</summary>
    private enum Form
    {
        RegisterRegister,
        RegisterImmediate,
        RegisterMemory,
        MemoryRegister,
        MemoryImmediate,
        LockedRegister,
        LockedImmediate,
    }

    /// <summary>Sets the handler, or the one that reports an instruction outside of the subset.</summary>
    internal static void Select(in Instruction x, X86Insn* i)
    {
        i->Handler = &Unsupported;
        if (x.HasLockPrefix)
            i->Flags |= X86InsnFlags.Lock;
        if (x.HasRepePrefix)
            i->Flags |= X86InsnFlags.Rep;
        if (x.HasRepnePrefix)
            i->Flags |= X86InsnFlags.Repne;

        // Vector, x87 and MMX forms share mnemonics with integer ones (MOVSD, CMPSD), so they are told apart by their operands.
        for (int n = 0; n < x.OpCount; n++)
        {
            if (x.GetOpKind(n) == OpKind.Register && !IsKnown(x.GetOpRegister(n)))
                return;
        }
        if (SelectMove(in x, i) || SelectAlu(in x, i) || SelectBits(in x, i) || SelectCondition(in x, i) || SelectControl(in x, i) || SelectString(in x, i))
            return;
        SelectSystem(in x, i);
    }

    private static bool IsKnown(Register register) =>
        register.IsGPR() || register.IsSegmentRegister() || register is (>= Register.CR0 and <= Register.CR15) or (>= Register.DR0 and <= Register.DR15);

    private static int OperandSize(in Instruction x, int operand) => x.GetOpKind(operand) switch
    {
        OpKind.Register => x.GetOpRegister(operand).GetSize(),
        OpKind.Memory or OpKind.MemorySegRSI or OpKind.MemorySegESI or OpKind.MemoryESRDI or OpKind.MemoryESEDI => x.MemorySize.GetSize(),
        _ => 0,
    };

    private static bool IsImmediate(OpKind kind) => kind is >= OpKind.Immediate8 and <= OpKind.Immediate32to64;

    /// <summary>Fills destination, source, immediate and size of a two-operand instruction.</summary>
    private static Form TwoOperands(in Instruction x, X86Insn* i)
    {
        i->Size = (byte)OperandSize(in x, 0);
        bool memory = x.Op0Kind == OpKind.Memory;
        if (!memory)
            i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        bool locked = x.HasLockPrefix;
        if (IsImmediate(x.Op1Kind))
        {
            i->Immediate = x.GetImmediate(1);
            return !memory ? Form.RegisterImmediate : locked ? Form.LockedImmediate : Form.MemoryImmediate;
        }
        if (x.Op1Kind == OpKind.Memory)
            return Form.RegisterMemory;
        i->Source = X86InsnDecoder.Offset(x.Op1Register);
        return !memory ? Form.RegisterRegister : locked ? Form.LockedRegister : Form.MemoryRegister;
    }

    /// <summary>Fills the r/m operand for <see cref="ReadRm"/>: a register in Source, or memory and Aux 1.</summary>
    private static void RmOperand(in Instruction x, int operand, X86Insn* i)
    {
        i->Size = (byte)OperandSize(in x, operand);
        if (x.GetOpKind(operand) == OpKind.Memory)
            i->Aux = 1;
        else
            i->Source = X86InsnDecoder.Offset(x.GetOpRegister(operand));
    }

    private static delegate*<X86Interpreter, X86Insn*, byte*, int> AluOf<TAlu, TSize>(Form form)
        where TAlu : struct, IX86Alu
        where TSize : struct, IX86Size
    {
        switch (form)
        {
            case Form.RegisterRegister:
                return &AluRegister<TAlu, TSize, X86FromRegister>;
            case Form.RegisterImmediate:
                return &AluRegister<TAlu, TSize, X86FromImmediate>;
            case Form.RegisterMemory:
                return &AluLoad<TAlu, TSize>;
            case Form.MemoryRegister:
                return &AluStore<TAlu, TSize, X86FromRegister>;
            case Form.MemoryImmediate:
                return &AluStore<TAlu, TSize, X86FromImmediate>;
            case Form.LockedRegister:
                return &AluLocked<TAlu, TSize, X86FromRegister>;
            default:
                return &AluLocked<TAlu, TSize, X86FromImmediate>;
        }
    }

    private static bool Alu<TAlu>(X86Insn* i, Form form)
        where TAlu : struct, IX86Alu
    {
        switch (i->Size)
        {
            case 1:
                i->Handler = AluOf<TAlu, X86Size8>(form);
                break;
            case 2:
                i->Handler = AluOf<TAlu, X86Size16>(form);
                break;
            case 4:
                i->Handler = AluOf<TAlu, X86Size32>(form);
                break;
            case 8:
                i->Handler = AluOf<TAlu, X86Size64>(form);
                break;
        }
        return true;
    }

    /// <summary>INC, DEC, NEG, NOT: the second operand is an immediate that the operation ignores.</summary>
    private static bool Unary<TAlu>(in Instruction x, X86Insn* i)
        where TAlu : struct, IX86Alu
    {
        i->Size = (byte)OperandSize(in x, 0);
        bool memory = x.Op0Kind == OpKind.Memory;
        if (!memory)
            i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        return Alu<TAlu>(i, !memory ? Form.RegisterImmediate : x.HasLockPrefix ? Form.LockedImmediate : Form.MemoryImmediate);
    }

    private static bool SelectAlu(in Instruction x, X86Insn* i)
    {
        switch (x.Mnemonic)
        {
            case Mnemonic.Add:
                return Alu<X86Add>(i, TwoOperands(in x, i));
            case Mnemonic.Adc:
                return Alu<X86Adc>(i, TwoOperands(in x, i));
            case Mnemonic.Sub:
                return Alu<X86Sub>(i, TwoOperands(in x, i));
            case Mnemonic.Sbb:
                return Alu<X86Sbb>(i, TwoOperands(in x, i));
            case Mnemonic.Cmp:
                return Alu<X86Cmp>(i, TwoOperands(in x, i));
            case Mnemonic.And:
                return Alu<X86And>(i, TwoOperands(in x, i));
            case Mnemonic.Test:
                return Alu<X86Test>(i, TwoOperands(in x, i));
            case Mnemonic.Or:
                return Alu<X86Or>(i, TwoOperands(in x, i));
            case Mnemonic.Xor:
                return Alu<X86Xor>(i, TwoOperands(in x, i));
            case Mnemonic.Shl:
                return Alu<X86Shl>(i, TwoOperands(in x, i));
            case Mnemonic.Sal:
                return Alu<X86Shl>(i, TwoOperands(in x, i));
            case Mnemonic.Shr:
                return Alu<X86Shr>(i, TwoOperands(in x, i));
            case Mnemonic.Sar:
                return Alu<X86Sar>(i, TwoOperands(in x, i));
            case Mnemonic.Rol:
                return Alu<X86Rol>(i, TwoOperands(in x, i));
            case Mnemonic.Ror:
                return Alu<X86Ror>(i, TwoOperands(in x, i));
            case Mnemonic.Rcl:
                return Alu<X86Rcl>(i, TwoOperands(in x, i));
            case Mnemonic.Rcr:
                return Alu<X86Rcr>(i, TwoOperands(in x, i));
            case Mnemonic.Inc:
                return Unary<X86Inc>(in x, i);
            case Mnemonic.Dec:
                return Unary<X86Dec>(in x, i);
            case Mnemonic.Neg:
                return Unary<X86Neg>(in x, i);
            case Mnemonic.Not:
                return Unary<X86NotOp>(in x, i);
            default:
                return false;
        }
    }

    private static delegate*<X86Interpreter, X86Insn*, byte*, int> MovOf<TSize>(Form form)
        where TSize : struct, IX86Size
    {
        switch (form)
        {
            case Form.RegisterRegister:
                return &MovRegister<TSize, X86FromRegister>;
            case Form.RegisterImmediate:
                return &MovRegister<TSize, X86FromImmediate>;
            case Form.RegisterMemory:
                return &MovLoad<TSize>;
            case Form.MemoryRegister:
                return &MovStore<TSize, X86FromRegister>;
            default:
                return &MovStore<TSize, X86FromImmediate>;
        }
    }

    private static bool SelectMove(in Instruction x, X86Insn* i)
    {
        switch (x.Mnemonic)
        {
            case Mnemonic.Mov:
            case Mnemonic.Movnti:
                return SelectMov(in x, i);
            case Mnemonic.Movzx:
            case Mnemonic.Movsx:
            case Mnemonic.Movsxd:
                return SelectExtend(in x, i);
            case Mnemonic.Lea:
                i->Destination = X86InsnDecoder.Offset(x.Op0Register);
                i->Size = (byte)x.Op0Register.GetSize();
                i->Segment = X86VcpuState.ZeroSlot * 8;
                switch (i->Size)
                {
                    case 2:
                        i->Handler = &Lea<X86Size16>;
                        break;
                    case 4:
                        i->Handler = &Lea<X86Size32>;
                        break;
                    case 8:
                        i->Handler = &Lea<X86Size64>;
                        break;
                }
                return true;
            case Mnemonic.Xchg:
            {
                // Either operand may be the one in memory.
                Form form = TwoOperands(in x, i);
                if (form == Form.RegisterMemory)
                    i->Source = i->Destination;
                if (form == Form.RegisterRegister)
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &XchgRegister<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &XchgRegister<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &XchgRegister<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &XchgRegister<X86Size64>;
                            break;
                    }
                }
                else
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &XchgMemory<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &XchgMemory<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &XchgMemory<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &XchgMemory<X86Size64>;
                            break;
                    }
                }
                return true;
            }
            case Mnemonic.Xadd:
                if (TwoOperands(in x, i) == Form.RegisterRegister)
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &XaddRegister<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &XaddRegister<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &XaddRegister<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &XaddRegister<X86Size64>;
                            break;
                    }
                }
                else
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &XaddMemory<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &XaddMemory<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &XaddMemory<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &XaddMemory<X86Size64>;
                            break;
                    }
                }
                return true;
            case Mnemonic.Cmpxchg:
                if (TwoOperands(in x, i) == Form.RegisterRegister)
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &CmpxchgRegister<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &CmpxchgRegister<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &CmpxchgRegister<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &CmpxchgRegister<X86Size64>;
                            break;
                    }
                }
                else
                {
                    switch (i->Size)
                    {
                        case 1:
                            i->Handler = &CmpxchgMemory<X86Size8>;
                            break;
                        case 2:
                            i->Handler = &CmpxchgMemory<X86Size16>;
                            break;
                        case 4:
                            i->Handler = &CmpxchgMemory<X86Size32>;
                            break;
                        case 8:
                            i->Handler = &CmpxchgMemory<X86Size64>;
                            break;
                    }
                }
                return true;
            case Mnemonic.Cmpxchg8b:
                i->Handler = &Cmpxchg8b;
                return true;
            case Mnemonic.Cmpxchg16b:
                i->Handler = &Cmpxchg16b;
                return true;
            case Mnemonic.Bswap:
                i->Destination = X86InsnDecoder.Offset(x.Op0Register);
                i->Size = (byte)x.Op0Register.GetSize();
                i->Handler = i->Size == 2 ? &Unsupported : &Bswap;
                return true;
            case Mnemonic.Movbe:
                TwoOperands(in x, i);
                i->Aux = (byte)(x.Op0Kind == OpKind.Memory ? 2 : 1);
                i->Handler = &Movbe;
                return true;
            case Mnemonic.Cbw:
                i->Size = 2;
                i->Handler = &SignExtendAccumulator;
                return true;
            case Mnemonic.Cwde:
                i->Size = 4;
                i->Handler = &SignExtendAccumulator;
                return true;
            case Mnemonic.Cdqe:
                i->Size = 8;
                i->Handler = &SignExtendAccumulator;
                return true;
            case Mnemonic.Cwd:
                i->Size = 2;
                i->Handler = &SignFillData;
                return true;
            case Mnemonic.Cdq:
                i->Size = 4;
                i->Handler = &SignFillData;
                return true;
            case Mnemonic.Cqo:
                i->Size = 8;
                i->Handler = &SignFillData;
                return true;
            default:
                return false;
        }
    }

    private static bool SelectMov(in Instruction x, X86Insn* i)
    {
        Register to = x.Op0Kind == OpKind.Register ? x.Op0Register : Register.None;
        Register from = x.Op1Kind == OpKind.Register ? x.Op1Register : Register.None;
        if (to.IsSegmentRegister())
        {
            RmOperand(in x, 1, i);
            i->Size2 = (byte)(to - Register.ES);
            i->Handler = to == Register.CS ? &Undefined : &MovToSegment;
            return true;
        }
        if (from.IsSegmentRegister())
        {
            i->Size2 = (byte)(from - Register.ES);
            i->Size = (byte)OperandSize(in x, 0);
            if (to == Register.None)
                i->Aux = 1;
            else
                i->Destination = X86InsnDecoder.Offset(to);
            i->Handler = &MovFromSegment;
            return true;
        }
        if (to is >= Register.CR0 and <= Register.CR15)
        {
            i->Aux = (byte)(to - Register.CR0);
            i->Source = X86InsnDecoder.Offset(from);
            i->Handler = i->Aux is 0 or 2 or 3 or 4 or 8 ? &MovToControl : &Undefined;
            return true;
        }
        if (from is >= Register.CR0 and <= Register.CR15)
        {
            i->Aux = (byte)(from - Register.CR0);
            i->Destination = X86InsnDecoder.Offset(to);
            i->Handler = i->Aux is 0 or 2 or 3 or 4 or 8 ? &MovFromControl : &Undefined;
            return true;
        }
        if (to is >= Register.DR0 and <= Register.DR15)
        {
            i->Aux = (byte)(to - Register.DR0);
            i->Source = X86InsnDecoder.Offset(from);
            i->Handler = i->Aux < 8 ? &MovToDebug : &Undefined;
            return true;
        }
        if (from is >= Register.DR0 and <= Register.DR15)
        {
            i->Aux = (byte)(from - Register.DR0);
            i->Destination = X86InsnDecoder.Offset(to);
            i->Handler = i->Aux < 8 ? &MovFromDebug : &Undefined;
            return true;
        }
        Form form = TwoOperands(in x, i);
        switch (i->Size)
        {
            case 1:
                i->Handler = MovOf<X86Size8>(form);
                break;
            case 2:
                i->Handler = MovOf<X86Size16>(form);
                break;
            case 4:
                i->Handler = MovOf<X86Size32>(form);
                break;
            case 8:
                i->Handler = MovOf<X86Size64>(form);
                break;
        }
        return true;
    }

    private static bool SelectExtend(in Instruction x, X86Insn* i)
    {
        i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        i->Size = (byte)x.Op0Register.GetSize();
        i->Size2 = (byte)OperandSize(in x, 1);
        bool memory = x.Op1Kind == OpKind.Memory;
        if (!memory)
            i->Source = X86InsnDecoder.Offset(x.Op1Register);
        bool sign = x.Mnemonic != Mnemonic.Movzx;
        switch (i->Size2)
        {
            case 1:
                ExtendFrom<X86Size8>(i, sign, memory);
                return true;
            case 2:
                ExtendFrom<X86Size16>(i, sign, memory);
                return true;
            default:
                ExtendFrom<X86Size32>(i, sign, memory);
                return true;
        }
    }

    private static void ExtendFrom<TFrom>(X86Insn* i, bool sign, bool memory)
        where TFrom : struct, IX86Size
    {
        switch (i->Size)
        {
            case 2:
                i->Handler = ExtendTo<X86Size16, TFrom>(sign, memory);
                break;
            case 4:
                i->Handler = ExtendTo<X86Size32, TFrom>(sign, memory);
                break;
            default:
                i->Handler = ExtendTo<X86Size64, TFrom>(sign, memory);
                break;
        }
    }

    private static delegate*<X86Interpreter, X86Insn*, byte*, int> ExtendTo<TTo, TFrom>(bool sign, bool memory)
        where TTo : struct, IX86Size
        where TFrom : struct, IX86Size
    {
        if (sign)
            return memory ? &MovSignLoad<TTo, TFrom> : &MovSignRegister<TTo, TFrom>;
        return memory ? &MovZeroLoad<TTo, TFrom> : &MovZeroRegister<TTo, TFrom>;
    }

    private static bool SelectBits(in Instruction x, X86Insn* i)
    {
        switch (x.Mnemonic)
        {
            case Mnemonic.Mul:
                RmOperand(in x, 0, i);
                i->Handler = &Mul;
                return true;
            case Mnemonic.Div:
                RmOperand(in x, 0, i);
                i->Handler = &Div;
                return true;
            case Mnemonic.Idiv:
                RmOperand(in x, 0, i);
                i->Handler = &Idiv;
                return true;
            case Mnemonic.Imul:
                if (x.OpCount == 1)
                {
                    RmOperand(in x, 0, i);
                    i->Handler = &Imul;
                    return true;
                }
                RmOperand(in x, 1, i);
                i->Destination = X86InsnDecoder.Offset(x.Op0Register);
                if (x.OpCount == 3)
                {
                    i->Size2 = 1;
                    i->Immediate = x.GetImmediate(2);
                }
                switch (i->Size)
                {
                    case 2:
                        i->Handler = &ImulRegister<X86Size16>;
                        break;
                    case 4:
                        i->Handler = &ImulRegister<X86Size32>;
                        break;
                    case 8:
                        i->Handler = &ImulRegister<X86Size64>;
                        break;
                }
                return true;
            case Mnemonic.Shld:
            case Mnemonic.Shrd:
                i->Size = (byte)OperandSize(in x, 0);
                if (x.Op0Kind == OpKind.Memory)
                    i->Aux = 1;
                else
                    i->Destination = X86InsnDecoder.Offset(x.Op0Register);
                i->Source = X86InsnDecoder.Offset(x.Op1Register);
                if (IsImmediate(x.Op2Kind))
                {
                    i->Size2 = 1;
                    i->Immediate = x.GetImmediate(2);
                }
                i->Handler = x.Mnemonic == Mnemonic.Shld ? &Shld : &Shrd;
                return true;
            case Mnemonic.Bt:
                return BitOperand(in x, i, 0);
            case Mnemonic.Bts:
                return BitOperand(in x, i, 1);
            case Mnemonic.Btr:
                return BitOperand(in x, i, 2);
            case Mnemonic.Btc:
                return BitOperand(in x, i, 3);
            case Mnemonic.Bsf:
                return ScanOperand(in x, i, 0);
            case Mnemonic.Bsr:
                return ScanOperand(in x, i, 1);
            case Mnemonic.Tzcnt:
                return ScanOperand(in x, i, 2);
            case Mnemonic.Lzcnt:
                return ScanOperand(in x, i, 3);
            case Mnemonic.Popcnt:
                return ScanOperand(in x, i, 4);
            case Mnemonic.Lahf:
                i->Handler = &Lahf;
                return true;
            case Mnemonic.Sahf:
                i->Handler = &Sahf;
                return true;
            case Mnemonic.Clc:
                i->Immediate = X86Flags.Cf;
                i->Handler = &ChangeFlags;
                return true;
            case Mnemonic.Stc:
                i->Displacement = (long)X86Flags.Cf;
                i->Handler = &ChangeFlags;
                return true;
            case Mnemonic.Cld:
                i->Immediate = X86Flags.Df;
                i->Handler = &ChangeFlags;
                return true;
            case Mnemonic.Std:
                i->Displacement = (long)X86Flags.Df;
                i->Handler = &ChangeFlags;
                return true;
            case Mnemonic.Cmc:
                i->Aux = 1;
                i->Handler = &ChangeFlags;
                return true;
            case Mnemonic.Nop:
            case Mnemonic.Endbr64:
            case Mnemonic.Endbr32:
            case Mnemonic.Prefetch:
            case Mnemonic.Prefetchw:
            case Mnemonic.Prefetchwt1:
            case Mnemonic.Prefetchnta:
            case Mnemonic.Prefetcht0:
            case Mnemonic.Prefetcht1:
            case Mnemonic.Prefetcht2:
            case Mnemonic.Reservednop:
                i->Handler = &Nop;
                return true;
            case Mnemonic.Mfence:
            case Mnemonic.Lfence:
            case Mnemonic.Sfence:
                i->Handler = &Fence;
                return true;
            case Mnemonic.Pause:
                i->Handler = &Pause;
                return true;
            case Mnemonic.Xlatb:
                SetXlatSegment(in x, i);
                i->Handler = &Xlat;
                return true;
            default:
                return false;
        }
    }

    private static void SetXlatSegment(in Instruction x, X86Insn* i)
    {
        // Iced reports the operand as [rbx+al]; the handler forms the address itself.
        i->Displacement = 0;
        if (x.MemoryBase == Register.EBX)
            i->Flags |= X86InsnFlags.Address32;
    }

    private static bool BitOperand(in Instruction x, X86Insn* i, byte kind)
    {
        i->Size = (byte)OperandSize(in x, 0);
        i->Size2 = kind;
        if (x.Op0Kind == OpKind.Memory)
            i->Aux = 1;
        else
            i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        if (IsImmediate(x.Op1Kind))
        {
            i->Source2 = 1;
            i->Immediate = x.GetImmediate(1);
        }
        else
        {
            i->Source = X86InsnDecoder.Offset(x.Op1Register);
        }
        i->Handler = &BitTest;
        return true;
    }

    private static bool ScanOperand(in Instruction x, X86Insn* i, byte kind)
    {
        RmOperand(in x, 1, i);
        i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        i->Size2 = kind;
        i->Handler = &BitScan;
        return true;
    }

    private static bool SelectCondition(in Instruction x, X86Insn* i)
    {
        switch (x.ConditionCode)
        {
            case ConditionCode.o:
                return Conditional<X86IfO>(in x, i);
            case ConditionCode.no:
                return Conditional<X86Not<X86IfO>>(in x, i);
            case ConditionCode.b:
                return Conditional<X86IfB>(in x, i);
            case ConditionCode.ae:
                return Conditional<X86Not<X86IfB>>(in x, i);
            case ConditionCode.e:
                return Conditional<X86IfZ>(in x, i);
            case ConditionCode.ne:
                return Conditional<X86Not<X86IfZ>>(in x, i);
            case ConditionCode.be:
                return Conditional<X86IfBe>(in x, i);
            case ConditionCode.a:
                return Conditional<X86Not<X86IfBe>>(in x, i);
            case ConditionCode.s:
                return Conditional<X86IfS>(in x, i);
            case ConditionCode.ns:
                return Conditional<X86Not<X86IfS>>(in x, i);
            case ConditionCode.p:
                return Conditional<X86IfP>(in x, i);
            case ConditionCode.np:
                return Conditional<X86Not<X86IfP>>(in x, i);
            case ConditionCode.l:
                return Conditional<X86IfL>(in x, i);
            case ConditionCode.ge:
                return Conditional<X86Not<X86IfL>>(in x, i);
            case ConditionCode.le:
                return Conditional<X86IfLe>(in x, i);
            case ConditionCode.g:
                return Conditional<X86Not<X86IfLe>>(in x, i);
            default:
                return false;
        }
    }

    private static bool Conditional<TCondition>(in Instruction x, X86Insn* i)
        where TCondition : struct, IX86Condition
    {
        if (x.IsJccShortOrNear)
        {
            i->Immediate = x.NearBranchTarget;
            i->Handler = &JumpIf<TCondition>;
            return true;
        }
        if (x.OpCount == 1)
        {
            if (x.Op0Kind == OpKind.Memory)
            {
                i->Handler = &SetMemory<TCondition>;
                return true;
            }
            i->Destination = X86InsnDecoder.Offset(x.Op0Register);
            i->Handler = &SetRegister<TCondition>;
            return true;
        }
        if (x.OpCount == 2 && x.Op0Kind == OpKind.Register && x.Op0Register.IsGPR())
        {
            i->Handler = TwoOperands(in x, i) == Form.RegisterMemory ? &CmovLoad<TCondition> : &CmovRegister<TCondition>;
            return true;
        }
        return false;
    }

    private static bool SelectControl(in Instruction x, X86Insn* i)
    {
        switch (x.Mnemonic)
        {
            case Mnemonic.Push:
                return SelectPush(in x, i);
            case Mnemonic.Pop:
                return SelectPop(in x, i);
            case Mnemonic.Call:
                if (x.Op0Kind == OpKind.NearBranch64)
                {
                    i->Immediate = x.NearBranch64;
                    i->Handler = &CallRelative;
                }
                else
                {
                    RmOperand(in x, 0, i);
                    if (x.IsCallNearIndirect && i->Size == 8)
                        i->Handler = i->Aux == 1 ? &CallMemory : &CallRegister;
                }
                return true;
            case Mnemonic.Jmp:
                if (x.Op0Kind == OpKind.NearBranch64)
                {
                    i->Immediate = x.NearBranch64;
                    i->Handler = &JumpRelative;
                }
                else if (x.IsJmpFarIndirect)
                {
                    i->Size = (byte)(x.Code == Code.Jmp_m1664 ? 8 : 4);
                    i->Handler = &FarJump;
                }
                else
                {
                    RmOperand(in x, 0, i);
                    if (x.IsJmpNearIndirect && i->Size == 8)
                        i->Handler = i->Aux == 1 ? &JumpMemory : &JumpRegister;
                }
                return true;
            case Mnemonic.Ret:
                if (x.Code is Code.Retnq or Code.Retnq_imm16)
                {
                    i->Immediate = x.OpCount == 1 ? x.GetImmediate(0) : 0;
                    i->Handler = &Return;
                }
                return true;
            case Mnemonic.Retf:
                i->Size = (byte)(x.Code is Code.Retfq or Code.Retfq_imm16 ? 8 : 4);
                i->Immediate = x.OpCount == 1 ? x.GetImmediate(0) : 0;
                i->Handler = &FarReturn;
                return true;
            case Mnemonic.Jrcxz:
            case Mnemonic.Jecxz:
                return SelectLoop(in x, i, 0, x.Mnemonic == Mnemonic.Jecxz);
            case Mnemonic.Loop:
                return SelectLoop(in x, i, 1, x.Code == Code.Loop_rel8_64_ECX);
            case Mnemonic.Loope:
                return SelectLoop(in x, i, 2, x.Code == Code.Loope_rel8_64_ECX);
            case Mnemonic.Loopne:
                return SelectLoop(in x, i, 3, x.Code == Code.Loopne_rel8_64_ECX);
            case Mnemonic.Leave:
                i->Size = (byte)(x.Code == Code.Leaveq ? 8 : 2);
                i->Handler = &Leave;
                return true;
            case Mnemonic.Enter:
                i->Size = (byte)(x.Code == Code.Enterq_imm16_imm8 ? 8 : 2);
                i->Immediate = x.Immediate16;
                i->Size2 = x.Immediate8_2nd;
                i->Handler = &Enter;
                return true;
            default:
                return false;
        }
    }

    private static bool SelectLoop(in Instruction x, X86Insn* i, byte kind, bool narrow)
    {
        if (x.Op0Kind != OpKind.NearBranch64)
            return true;
        i->Immediate = x.NearBranch64;
        i->Size2 = kind;
        if (narrow)
            i->Flags |= X86InsnFlags.Address32;
        i->Handler = &Loop;
        return true;
    }

    private static bool SelectPush(in Instruction x, X86Insn* i)
    {
        i->Size = (byte)(x.StackPointerIncrement == -2 ? 2 : 8);
        if (IsImmediate(x.Op0Kind))
        {
            i->Immediate = x.GetImmediate(0);
            i->Handler = i->Size == 8 ? &PushSource<X86Size64, X86FromImmediate> : &PushSource<X86Size16, X86FromImmediate>;
        }
        else if (x.Op0Kind == OpKind.Memory)
        {
            i->Handler = i->Size == 8 ? &PushMemory<X86Size64> : &PushMemory<X86Size16>;
        }
        else if (x.Op0Register.IsSegmentRegister())
        {
            i->Size2 = (byte)(x.Op0Register - Register.ES);
            i->Handler = &PushSegment;
        }
        else
        {
            i->Source = X86InsnDecoder.Offset(x.Op0Register);
            i->Handler = i->Size == 8 ? &PushSource<X86Size64, X86FromRegister> : &PushSource<X86Size16, X86FromRegister>;
        }
        return true;
    }

    private static bool SelectPop(in Instruction x, X86Insn* i)
    {
        i->Size = (byte)(x.StackPointerIncrement == 2 ? 2 : 8);
        if (x.Op0Kind == OpKind.Memory)
        {
            i->Handler = i->Size == 8 ? &PopMemory<X86Size64> : &PopMemory<X86Size16>;
        }
        else if (x.Op0Register.IsSegmentRegister())
        {
            i->Size2 = (byte)(x.Op0Register - Register.ES);
            i->Handler = &PopSegment;
        }
        else
        {
            i->Destination = X86InsnDecoder.Offset(x.Op0Register);
            i->Handler = i->Size == 8 ? &PopRegister<X86Size64> : &PopRegister<X86Size16>;
        }
        return true;
    }

    private static bool SelectString(in Instruction x, X86Insn* i)
    {
        if (!x.IsStringInstruction)
            return false;
        switch (x.Mnemonic)
        {
            case Mnemonic.Stosb:
            case Mnemonic.Stosw:
            case Mnemonic.Stosd:
            case Mnemonic.Stosq:
                i->Handler = &Stos;
                break;
            case Mnemonic.Lodsb:
            case Mnemonic.Lodsw:
            case Mnemonic.Lodsd:
            case Mnemonic.Lodsq:
                i->Handler = &Lods;
                break;
            case Mnemonic.Movsb:
            case Mnemonic.Movsw:
            case Mnemonic.Movsd:
            case Mnemonic.Movsq:
                i->Handler = &Movs;
                break;
            case Mnemonic.Scasb:
            case Mnemonic.Scasw:
            case Mnemonic.Scasd:
            case Mnemonic.Scasq:
                i->Handler = &Scas;
                break;
            case Mnemonic.Cmpsb:
            case Mnemonic.Cmpsw:
            case Mnemonic.Cmpsd:
            case Mnemonic.Cmpsq:
                i->Handler = &Cmps;
                break;
            case Mnemonic.Insb:
            case Mnemonic.Insw:
            case Mnemonic.Insd:
                i->Handler = &Ins;
                break;
            case Mnemonic.Outsb:
            case Mnemonic.Outsw:
            case Mnemonic.Outsd:
                i->Handler = &Outs;
                break;
            default:
                return true;
        }
        i->Size = (byte)x.MemorySize.GetSize();
        return true;
    }

    private static void SelectSystem(in Instruction x, X86Insn* i)
    {
        switch (x.Mnemonic)
        {
            case Mnemonic.In:
                i->Size = (byte)x.Op0Register.GetSize();
                PortOperand(in x, 1, i);
                i->Handler = &In;
                break;
            case Mnemonic.Out:
                i->Size = (byte)x.Op1Register.GetSize();
                PortOperand(in x, 0, i);
                i->Handler = &Out;
                break;
            case Mnemonic.Hlt:
                i->Handler = &Hlt;
                break;
            case Mnemonic.Vmcall:
            case Mnemonic.Vmmcall:
                i->Handler = &Hypercall;
                break;
            case Mnemonic.Cli:
                i->Handler = &Cli;
                break;
            case Mnemonic.Sti:
                i->Handler = &Sti;
                break;
            case Mnemonic.Clac:
                i->Handler = &SetAc;
                break;
            case Mnemonic.Stac:
                i->Aux = 1;
                i->Handler = &SetAc;
                break;
            case Mnemonic.Pushf:
            case Mnemonic.Pushfq:
                i->Size = (byte)(x.Code == Code.Pushfq ? 8 : 2);
                i->Handler = &Pushf;
                break;
            case Mnemonic.Popf:
            case Mnemonic.Popfq:
                i->Size = (byte)(x.Code == Code.Popfq ? 8 : 2);
                i->Handler = &Popf;
                break;
            case Mnemonic.Cpuid:
                i->Handler = &Cpuid;
                break;
            case Mnemonic.Rdtsc:
                i->Handler = &Rdtsc;
                break;
            case Mnemonic.Rdtscp:
                i->Aux = 1;
                i->Handler = &Rdtsc;
                break;
            case Mnemonic.Rdmsr:
                i->Handler = &Rdmsr;
                break;
            case Mnemonic.Wrmsr:
                i->Handler = &Wrmsr;
                break;
            case Mnemonic.Clts:
                i->Handler = &Clts;
                break;
            case Mnemonic.Lgdt:
                i->Handler = &LoadTable;
                break;
            case Mnemonic.Lidt:
                i->Aux = 1;
                i->Handler = &LoadTable;
                break;
            case Mnemonic.Sgdt:
                i->Handler = &StoreTable;
                break;
            case Mnemonic.Sidt:
                i->Aux = 1;
                i->Handler = &StoreTable;
                break;
            case Mnemonic.Ltr:
            case Mnemonic.Lldt:
                RmOperand(in x, 0, i);
                i->Size = 2;
                i->Size2 = (byte)(x.Mnemonic == Mnemonic.Ltr ? 1 : 0);
                i->Handler = &LoadSystemSegment;
                break;
            case Mnemonic.Str:
            case Mnemonic.Sldt:
            case Mnemonic.Smsw:
                i->Size = (byte)OperandSize(in x, 0);
                if (x.Op0Kind == OpKind.Memory)
                    i->Aux = 1;
                else
                    i->Destination = X86InsnDecoder.Offset(x.Op0Register);
                i->Size2 = (byte)(x.Mnemonic switch { Mnemonic.Str => 1, Mnemonic.Sldt => 0, _ => 2 });
                i->Handler = &StoreSystemSegment;
                break;
            case Mnemonic.Invlpg:
                i->Handler = &Invlpg;
                break;
            case Mnemonic.Wbinvd:
            case Mnemonic.Invd:
            case Mnemonic.Wbnoinvd:
                i->Handler = &Wbinvd;
                break;
            case Mnemonic.Swapgs:
                i->Handler = &Swapgs;
                break;
            case Mnemonic.Rdfsbase:
                FsGsOperand(in x, i, 0);
                break;
            case Mnemonic.Rdgsbase:
                FsGsOperand(in x, i, 1);
                break;
            case Mnemonic.Wrfsbase:
                FsGsOperand(in x, i, 2);
                break;
            case Mnemonic.Wrgsbase:
                FsGsOperand(in x, i, 3);
                break;
            case Mnemonic.Syscall:
                i->Handler = &Syscall;
                break;
            case Mnemonic.Sysretq:
                i->Size = 8;
                i->Handler = &Sysret;
                break;
            case Mnemonic.Int:
                i->Immediate = x.Immediate8;
                i->Handler = &Interrupt;
                break;
            case Mnemonic.Int3:
                i->Immediate = 3;
                i->Handler = &Interrupt;
                break;
            case Mnemonic.Int1:
                i->Immediate = 1;
                i->Aux = 1;
                i->Handler = &Interrupt;
                break;
            case Mnemonic.Iretq:
                i->Size = 8;
                i->Handler = &Iretq;
                break;
            case Mnemonic.Ud0:
            case Mnemonic.Ud1:
            case Mnemonic.Ud2:
                i->Handler = &Undefined;
                break;
        }
    }

    private static void PortOperand(in Instruction x, int operand, X86Insn* i)
    {
        if (!IsImmediate(x.GetOpKind(operand)))
            return;
        i->Aux = 1;
        i->Immediate = x.GetImmediate(operand);
    }

    private static void FsGsOperand(in Instruction x, X86Insn* i, byte kind)
    {
        i->Size = (byte)x.Op0Register.GetSize();
        i->Destination = X86InsnDecoder.Offset(x.Op0Register);
        i->Aux = kind;
        i->Handler = &FsGsBase;
    }
}
